"""The same small application on Django, for benchmarks: one file, the store that was filled beside."""

import os

import django
from django.conf import settings

settings.configure(
    SECRET_KEY=os.environ["SECRET_KEY"],
    ALLOWED_HOSTS=["*"],
    ROOT_URLCONF=__name__,
    LOGIN_URL="/login/",
    LOGIN_REDIRECT_URL="/profile/",
    USE_TZ=True,
    INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "django.contrib.sessions"],
    MIDDLEWARE=[
        "django.middleware.security.SecurityMiddleware",
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.middleware.common.CommonMiddleware",
        "django.middleware.csrf.CsrfViewMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
        "django.middleware.clickjacking.XFrameOptionsMiddleware",
    ],
    DATABASES={
        "default": {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": os.environ["DATABASE"],
            "CONN_MAX_AGE": None,
            "OPTIONS": {"transaction_mode": "IMMEDIATE", "init_command": "PRAGMA journal_mode=WAL"},
        }
    },
    TEMPLATES=[
        {
            "BACKEND": "django.template.backends.django.DjangoTemplates",
            "OPTIONS": {
                "loaders": [
                    ("django.template.loaders.locmem.Loader", {"registration/login.html": "{% csrf_token %}{{ form }}"})
                ]
            },
        }
    ],
)
django.setup()

from django.contrib.auth.decorators import login_required  # noqa: E402
from django.contrib.auth.views import LoginView  # noqa: E402
from django.core.wsgi import get_wsgi_application  # noqa: E402
from django.http import HttpResponse  # noqa: E402
from django.urls import path  # noqa: E402
from django.utils.html import escape  # noqa: E402

START = '<!doctype html><html lang="en"><title>Benchmark</title><p>'
END = "--></html>"


def page(text):
    start = f"{START}{escape(text)}</p><!--"
    return HttpResponse(start + "." * (1024 - len(start.encode()) - len(END)) + END)


def home(request):
    return page("Welcome.")


@login_required
def profile(request):
    return page(f"You are {request.user.username}.")


def count(request):
    request.session["count"] = request.session.get("count", 0) + 1
    return page(f"You have been here {request.session['count']} times.")


urlpatterns = [
    path("", home),
    path("profile/", profile),
    path("count/", count),
    path("login/", LoginView.as_view()),
]
application = get_wsgi_application()
