-- The app contenttypes (A05) as migrate of Django 6.1 leaves it on MySQL and MariaDB.

CREATE TABLE IF NOT EXISTS `django_content_type` (`id` integer AUTO_INCREMENT NOT NULL PRIMARY KEY, `app_label` varchar(100) NOT NULL, `model` varchar(100) NOT NULL, UNIQUE KEY `django_content_type_app_label_model_76bd3d3b_uniq` (`app_label`, `model`));
