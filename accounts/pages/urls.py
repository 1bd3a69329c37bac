"""Addresses of the pages before the admin. They come before the admin's own, and take the place of some."""

from allauth.account import views as account
from django.urls import include, path

from accounts.pages import views

urlpatterns = [
    path("admin/login/", views.secret(views.Login.as_view()), name="account_login"),
    path("admin/password_change/", views.own_password, name="account_password"),
    path("account/logout/", account.logout, name="account_logout"),
    path("account/confirm/", views.secret(account.reauthenticate), name="account_reauthenticate"),
    path("account/second-factor/", include("allauth.mfa.urls")),
    path("account/invitations/<str:link>/", views.invitation, name="account_invitation"),
    path("account/password/", views.forgotten, name="account_forgotten"),
    path("account/password/<str:key>/<str:token>/", views.new_password, name="account_new_password"),
]
