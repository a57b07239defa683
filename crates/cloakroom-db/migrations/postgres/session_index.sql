-- Cloakroom's own index of sessions (D13). Django knows nothing of it.

CREATE TABLE "cloakroom_session_index" ("handle" varchar(24) NOT NULL PRIMARY KEY, "user_id" varchar(255) NOT NULL, "sealed_key" varchar(255) NOT NULL, "first_seen" timestamp with time zone NOT NULL, "last_seen" timestamp with time zone NOT NULL, "expire_date" timestamp with time zone NOT NULL, "address" varchar(45) NOT NULL, "user_agent" varchar(256) NOT NULL);
CREATE INDEX "cloakroom_session_index_user_id" ON "cloakroom_session_index" ("user_id", "first_seen");
CREATE INDEX "cloakroom_session_index_expire_date" ON "cloakroom_session_index" ("expire_date");
