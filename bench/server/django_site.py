"""A site of Django with one page: one query of 20 rows, one template. DATABASE names what it is kept in: `sqlite:PATH` or
`postgresql:DIRECTORY` of its socket. `python django_site.py` makes the table."""
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
MIDDLEWARE = ["security.SecurityMiddleware", "common.CommonMiddleware", "csrf.CsrfViewMiddleware", "clickjacking.XFrameOptionsMiddleware"]

settings.configure(
    SECRET_KEY="of the bench", ALLOWED_HOSTS=["*"], ROOT_URLCONF="__main__" if __name__ == "__main__" else __name__,
    DATABASES={"default": DATABASE}, DEFAULT_AUTO_FIELD="django.db.models.AutoField",
    MIDDLEWARE=[f"django.middleware.{name}" for name in MIDDLEWARE],
    TEMPLATES=[{
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "OPTIONS": {
            "context_processors": ["django.template.context_processors.request"],
            "loaders": [("django.template.loaders.cached.Loader", [
                ("django.template.loaders.locmem.Loader", {"items.html": TEMPLATE})])],
        },
    }],
)
django.setup()

from django.core.wsgi import get_wsgi_application  # noqa: E402
from django.db import connection, models  # noqa: E402
from django.shortcuts import render  # noqa: E402
from django.urls import path  # noqa: E402


class Item(models.Model):
    number = models.IntegerField()
    name = models.CharField(max_length=100)
    text = models.TextField()
    price = models.FloatField()

    class Meta:
        app_label = "bench"


def items(request):
    return render(request, "items.html", {"items": Item.objects.filter(number__gte=100).order_by("number")[:20]})


urlpatterns = [path("items", items)]
application = get_wsgi_application()

if __name__ == "__main__":
    with connection.schema_editor() as editor:
        editor.create_model(Item)
    Item.objects.bulk_create(
        Item(number=number, name=f"item {number}", text="some words that " * 5, price=number % 100) for number in range(1000))
    sys.exit(Item.objects.count() != 1000)
