-- Cloakroom's own index of sessions (D13). Django knows nothing of it.

CREATE TABLE IF NOT EXISTS `cloakroom_session_index` (`handle` varchar(24) NOT NULL PRIMARY KEY, `user_id` varchar(255) NOT NULL, `sealed_key` varchar(255) NOT NULL, `first_seen` datetime(6) NOT NULL, `last_seen` datetime(6) NOT NULL, `expire_date` datetime(6) NOT NULL, `address` varchar(45) NOT NULL, `user_agent` varchar(256) NOT NULL, KEY `cloakroom_session_index_user_id` (`user_id`, `first_seen`), KEY `cloakroom_session_index_expire_date` (`expire_date`)) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin ROW_FORMAT=DYNAMIC;
