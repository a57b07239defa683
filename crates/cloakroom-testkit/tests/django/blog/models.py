from django.db import models


class BlogPost(models.Model):
    class Meta:
        permissions = [("publish_blogpost", "Can publish blog post"), ("pin", "Pin to the top")]


class Tag(models.Model):
    class Meta:
        default_permissions = ("add", "view")
        verbose_name = "key word"


class Archive(models.Model):
    class Meta:
        default_permissions = ()


class HTTPLog(models.Model):
    pass
