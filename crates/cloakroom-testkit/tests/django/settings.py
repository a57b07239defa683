import os
from urllib.parse import unquote, urlsplit

import django
from django.conf import settings


def database():
    url = urlsplit(os.environ.get("SITE_DATABASE_URL", ""))
    if not url.scheme:
        return {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": os.environ["SITE_DATABASE"],
            "OPTIONS": {"timeout": 20},
        }
    if url.scheme == "mysql":
        import pymysql

        # Django asks the driver that this one stands in for how old it is.
        pymysql.version_info = (2, 2, 8, "final", 0)
        pymysql.install_as_MySQLdb()
    engines = {"postgres": "postgresql", "mysql": "mysql"}
    return {
        "ENGINE": f"django.db.backends.{engines[url.scheme]}",
        "NAME": url.path[1:],
        "USER": unquote(url.username),
        "PASSWORD": unquote(url.password),
        "HOST": url.hostname,
        "PORT": url.port,
    }


settings.configure(
    SECRET_KEY=os.environ["SITE_SECRET_KEY"],
    ALLOWED_HOSTS=["*"],
    USE_TZ=True,
    DEFAULT_AUTO_FIELD="django.db.models.AutoField",
    ROOT_URLCONF="django.contrib.auth.urls",
    DATABASES={
        "default": database(),
    },
    SESSION_ENGINE="django.contrib.sessions.backends." + os.environ.get("SITE_SESSION_ENGINE", "db"),
    CACHES={
        "default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": os.environ["SITE_CACHE_URL"]}
        if os.environ.get("SITE_CACHE_URL", "").startswith("redis://")
        else {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}
    },
    INSTALLED_APPS=[
        "django.contrib.admin",
        "django.contrib.auth",
        "django.contrib.contenttypes",
        "django.contrib.sessions",
        "django.contrib.messages",
        *os.environ.get("SITE_APPS", "").split(),
    ],
    AUTH_USER_MODEL=os.environ.get("SITE_USER_MODEL", "auth.User"),
    MIDDLEWARE=[
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
        "django.contrib.messages.middleware.MessageMiddleware",
    ],
    TEMPLATES=[
        {
            "BACKEND": "django.template.backends.django.DjangoTemplates",
            "APP_DIRS": True,
            "OPTIONS": {
                "context_processors": [
                    "django.template.context_processors.request",
                    "django.contrib.auth.context_processors.auth",
                    "django.contrib.messages.context_processors.messages",
                ]
            },
        }
    ],
    PASSWORD_HASHERS=[
        "django.contrib.auth.hashers.MD5PasswordHasher",
        "django.contrib.auth.hashers.PBKDF2PasswordHasher",
    ],
)
django.setup()

from django.contrib.auth import authenticate, get_user, get_user_model, login, logout
from django.core.management import call_command
from django.http import HttpRequest
from importlib import import_module

User = get_user_model()
SessionStore = import_module(settings.SESSION_ENGINE).SessionStore


def request(key=None):
    r = HttpRequest()
    r.session = SessionStore(key)
    return r


def who(key):
    return get_user(request(key)).get_username()


def sign_in(username, password):
    r = request()
    user = authenticate(r, username=username, password=password)
    login(r, user)
    r.session.save()
    return r.session.session_key


def sign_out(key):
    r = request(key)
    r.user = get_user(r)
    logout(r)
