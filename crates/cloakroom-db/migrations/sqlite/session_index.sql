-- Cloakroom's own index of sessions (D13). Django knows nothing of it.

CREATE TABLE "cloakroom_session_index" ("handle" varchar(24) NOT NULL PRIMARY KEY, "user_id" varchar(255) NOT NULL, "sealed_key" varchar(255) NOT NULL, "first_seen" datetime NOT NULL, "last_seen" datetime NOT NULL, "expire_date" datetime NOT NULL, "address" varchar(45) NOT NULL, "user_agent" varchar(256) NOT NULL);
CREATE INDEX "cloakroom_session_index_user_id" ON "cloakroom_session_index" ("user_id", "first_seen");
CREATE INDEX "cloakroom_session_index_expire_date" ON "cloakroom_session_index" ("expire_date");
