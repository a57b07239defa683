-- The app sessions (A06) as migrate of Django 6.1 leaves it on MySQL and MariaDB.

CREATE TABLE IF NOT EXISTS `django_session` (`session_key` varchar(40) NOT NULL PRIMARY KEY, `session_data` longtext NOT NULL, `expire_date` datetime(6) NOT NULL, KEY `django_session_expire_date_a5c62663` (`expire_date`));
