"""A Django site: a page with one query of 20 rows and one template; a page with a session and a
CSRF-protected form; an upload; a streamed page. DATABASE names the database: `sqlite:PATH` or
`postgresql:DIRECTORY` (of its socket). `python django_site.py` creates the tables."""
import os
import sys

import django
from django.conf import settings

kind, _, place = os.environ["DATABASE"].partition(":")
if kind == "sqlite":
    DATABASE = {"ENGINE": "django.db.backends.sqlite3", "NAME": place}
else:
    DATABASE = {"ENGINE": "django.db.backends.postgresql", "NAME": "bench", "USER": "bench", "HOST": place, "CONN_MAX_AGE": 60}

TEMPLATE = """<!doctype html><title>{% block title %}Items{% endblock %}</title>
<h1>{{ items|length }} items for {{ request.path }}</h1>
<table>{% for item in items %}
<tr class="{% cycle 'odd' 'even' %}"><td>{{ item.number }}<td>{{ item.name|title }}<td>{{ item.text|truncatewords:5 }}
<td>{% if item.price > 50 %}{{ item.price|floatformat:2 }}{% else %}cheap{% endif %}{% endfor %}
</table>"""
FORM = """<!doctype html><title>{{ name }}</title>
<form method="post">{% csrf_token %}<input name="name" value="{{ name }}"><button>Save</button></form>"""
MIDDLEWARE = ["security.SecurityMiddleware", "common.CommonMiddleware", "csrf.CsrfViewMiddleware", "clickjacking.XFrameOptionsMiddleware"]

settings.configure(
    SECRET_KEY="of the bench", ALLOWED_HOSTS=["*"], ROOT_URLCONF="__main__" if __name__ == "__main__" else __name__,
    INSTALLED_APPS=["django.contrib.sessions"], DATABASES={"default": DATABASE}, DEFAULT_AUTO_FIELD="django.db.models.AutoField",
    MIDDLEWARE=[f"django.middleware.{name}" for name in MIDDLEWARE],
    TEMPLATES=[{
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "OPTIONS": {
            "context_processors": ["django.template.context_processors.request"],
            "loaders": [("django.template.loaders.cached.Loader", [
                ("django.template.loaders.locmem.Loader", {"items.html": TEMPLATE, "form.html": FORM})])],
        },
    }],
)
django.setup()

from django.contrib.sessions.middleware import SessionMiddleware  # noqa: E402
from django.contrib.sessions.models import Session  # noqa: E402
from django.core.wsgi import get_wsgi_application  # noqa: E402
from django.db import connection, models  # noqa: E402
from django.http import HttpResponse, StreamingHttpResponse  # noqa: E402
from django.shortcuts import render  # noqa: E402
from django.urls import path  # noqa: E402
from django.utils.decorators import decorator_from_middleware  # noqa: E402
from django.views.decorators.csrf import csrf_exempt  # noqa: E402


class Item(models.Model):
    number = models.IntegerField()
    name = models.CharField(max_length=100)
    text = models.TextField()
    price = models.FloatField()

    class Meta:
        app_label = "bench"


def items(request):
    return render(request, "items.html", {"items": Item.objects.filter(number__gte=100).order_by("number")[:20]})


@decorator_from_middleware(SessionMiddleware)  # the other pages have no session
def form(request):
    if "name" not in request.session:
        request.session["name"] = "Alice"
    return render(request, "form.html", {"name": request.session["name"]})


@csrf_exempt
def upload(request):
    return HttpResponse(f"{request.FILES['file'].size} bytes")


def stream(request):
    return StreamingHttpResponse(f"line {number} of the page\n" * 40 for number in range(20))


urlpatterns = [path(view.__name__, view) for view in (items, form, upload, stream)]
application = get_wsgi_application()

if __name__ == "__main__":
    with connection.schema_editor() as editor:
        editor.create_model(Item)
        editor.create_model(Session)
    Item.objects.bulk_create(
        Item(number=number, name=f"item {number}", text="some words that " * 5, price=number % 100) for number in range(1000))
    sys.exit(Item.objects.count() != 1000)
