"""A Django application, which builds URLs and redirects to TLS by its own means."""
import django
from django.conf import settings

settings.configure(
    SECRET_KEY="of the tests", ALLOWED_HOSTS=["site.example"], ROOT_URLCONF=__name__, USE_TZ=True,
    MIDDLEWARE=["django.middleware.security.SecurityMiddleware", "django.contrib.sessions.middleware.SessionMiddleware"],
    SESSION_ENGINE="django.contrib.sessions.backends.signed_cookies", SESSION_COOKIE_SECURE=True,
    SECURE_SSL_REDIRECT=True, SECURE_SSL_HOST="site.example", SECURE_REDIRECT_EXEMPT=["^(?!secured)"],
)
django.setup()

from django.core.wsgi import get_wsgi_application  # noqa: E402
from django.http import HttpResponse, HttpResponseRedirect, JsonResponse  # noqa: E402
from django.urls import path  # noqa: E402


def seen(request):
    return JsonResponse({"address": request.META["REMOTE_ADDR"], "scheme": request.scheme, "url": request.build_absolute_uri("/x"),
                         "fields": sorted(name for name in request.headers if "forwarded" in name.lower())})


def away(request):
    return HttpResponseRedirect(request.build_absolute_uri("/"))


def secured(request):
    return HttpResponse("secured")


def visits(request):
    request.session["visits"] = request.session.get("visits", 0) + 1
    return HttpResponse(str(request.session["visits"]))


urlpatterns = [path("", seen), path("away", away), path("secured", secured), path("visits", visits)]
app = get_wsgi_application()
