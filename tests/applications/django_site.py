"""A Django site with its admin, sessions, uploads and streams, in the folder that SITE_FOLDER names. Run as a
program, it creates the database, with an administrator `admin` whose password is `secret`."""
import hashlib
import os
import pathlib
import sys
import threading

import django
from django.conf import settings

FOLDER = pathlib.Path(os.environ["SITE_FOLDER"])
APPS = ["admin", "auth", "contenttypes", "sessions", "messages", "staticfiles"]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.middleware.gzip.GZipMiddleware",
    "django.middleware.http.ConditionalGetMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
]
PROCESSORS = ["django.template.context_processors.request", "django.contrib.auth.context_processors.auth",
              "django.contrib.messages.context_processors.messages"]

settings.configure(
    SECRET_KEY="of the tests", ALLOWED_HOSTS=["127.0.0.1", "site.example"], STATIC_URL="static/", USE_TZ=True,
    ROOT_URLCONF="__main__" if __name__ == "__main__" else __name__,
    INSTALLED_APPS=[f"django.contrib.{name}" for name in APPS],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": FOLDER / "site.sqlite"}},
    MIDDLEWARE=MIDDLEWARE,
    TEMPLATES=[{"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True,
                "OPTIONS": {"context_processors": PROCESSORS}}],
)
django.setup()

from django.contrib import admin  # noqa: E402
from django.contrib.staticfiles.handlers import StaticFilesHandler  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.core.wsgi import get_wsgi_application  # noqa: E402
from django.http import FileResponse, HttpResponse, HttpResponseRedirect, JsonResponse, StreamingHttpResponse  # noqa: E402
from django.urls import path  # noqa: E402
from django.views.decorators.csrf import csrf_exempt  # noqa: E402
from django.views.decorators.http import require_POST  # noqa: E402

taken = threading.Event()


def counter(request):
    request.session["count"] = request.session.get("count", 0) + 1
    return HttpResponse(f"visit {request.session['count']}")


@csrf_exempt
@require_POST
def upload(request):
    return JsonResponse({
        "fields": request.POST.dict(),
        "files": {name: [file.name, file.size, hashlib.sha256(b"".join(file.chunks())).hexdigest(), type(file).__name__]
                  for name, file in request.FILES.items()},
    })


@csrf_exempt
@require_POST
def body(request):
    """The length and digest of a body that is read in pieces."""
    whole = hashlib.sha256()
    size = 0
    while piece := request.read(64 << 10):
        whole.update(piece)
        size += len(piece)
    return JsonResponse({"size": size, "sha256": whole.hexdigest()})


def stream(request):
    """A stream whose second block is generated after a request for /take."""
    def blocks():
        yield "first\n"
        yield "taken\n" if taken.wait(60) else "not taken\n"

    taken.clear()
    return StreamingHttpResponse(blocks(), content_type="text/plain")


def take(request):
    taken.set()
    return HttpResponse("taken")


def page(request):
    return HttpResponse("a line of the page\n" * 100, content_type="text/plain")


def file(request):
    return FileResponse((FOLDER / "file.bin").open("rb"), as_attachment=True, filename="the file.bin")


def away(request):
    return HttpResponseRedirect(request.build_absolute_uri("/counter"))


def broken(request):
    raise RuntimeError("of the test")


urlpatterns = [path("admin/", admin.site.urls),
               *(path(view.__name__, view) for view in (counter, upload, body, stream, take, page, file, away, broken))]
# Also serves the static files of the admin.
application = StaticFilesHandler(get_wsgi_application())

if __name__ == "__main__":
    from django.contrib.auth.models import User

    call_command("migrate", verbosity=0)
    User.objects.create_superuser("admin", password="secret")
    sys.exit(User.objects.count() != 1)
