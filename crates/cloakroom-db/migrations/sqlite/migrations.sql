-- Django's own book of migrations (A08) as migrate of Django 6.1 leaves it: the text is Django's, sqlite_master keeps it.

CREATE TABLE "django_migrations" ("id" integer NOT NULL PRIMARY KEY AUTOINCREMENT, "app" varchar(255) NOT NULL, "name" varchar(255) NOT NULL, "applied" datetime NOT NULL);
