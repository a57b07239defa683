
import sys

from django.contrib.auth.models import Group, Permission

GROUP = "editors"


def permission(label):
    app, codename = label.split(".")
    return Permission.objects.get(content_type__app_label=app, codename=codename)


def act(words):
    match words:
        case ["login", pk]:
            user = User.objects.get(pk=pk)
            r = request()
            login(r, user, backend="django.contrib.auth.backends.ModelBackend")
            r.session.save()
            return r.session.session_key
        case ["logout", key] | ["end", key]:
            request(key).session.flush()
        case ["edit", key, n]:
            session = request(key).session
            session["n"] = int(n)
            try:
                session.save()
            except Exception:
                # It has ended: Django's own UpdateError.
                pass
        case ["password", pk, text]:
            User.objects.filter(pk=pk).update(password=text)
        case ["active", pk, value]:
            User.objects.filter(pk=pk).update(is_active=value == "1")
        case ["grant", pk, label]:
            User.objects.get(pk=pk).user_permissions.add(permission(label))
        case ["revoke", pk, label]:
            User.objects.get(pk=pk).user_permissions.remove(permission(label))
        case ["join", pk]:
            User.objects.get(pk=pk).groups.add(Group.objects.get(name=GROUP))
        case ["leave", pk]:
            User.objects.get(pk=pk).groups.remove(Group.objects.get(name=GROUP))
        case ["allow", label]:
            Group.objects.get(name=GROUP).permissions.add(permission(label))
        case ["forbid", label]:
            Group.objects.get(name=GROUP).permissions.remove(permission(label))
        case ["read", key]:
            r = request(key)
            user = get_user(r)
            if not user.is_authenticated:
                return "nobody"
            may = "".join("1" if user.has_perm(f"auth.{verb}_user") else "0" for verb in ("add", "change", "delete"))
            return f"{user.pk} {may} {r.session.get('n', 0)}"
        case _:
            raise ValueError(words)
    return "ok"


for line in sys.stdin:
    print(">", act(line.split()), flush=True)
