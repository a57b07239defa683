-- The app authtoken of REST framework (A09) as its migrate leaves it on MySQL and MariaDB.

CREATE TABLE IF NOT EXISTS `authtoken_token` (`key` varchar(40) NOT NULL PRIMARY KEY, `created` datetime(6) NOT NULL, `user_id` integer NOT NULL UNIQUE, CONSTRAINT `authtoken_token_user_id_35299eff_fk_auth_user_id` FOREIGN KEY (`user_id`) REFERENCES `auth_user` (`id`));
