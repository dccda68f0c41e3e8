# SPDX-License-Identifier: GPL-2.0-or-later
"""Addresses of firewall: rules and the objects they use."""

from __future__ import annotations

from django.urls import path

from appliance.firewall import views

app_name = "firewall"
urlpatterns = [
    path("rules/", views.rules, name="rules"),
    path("rules/add/", views.add_rule, name="rules_add"),
    path("rules/sentence/", views.sentence, name="rules_sentence"),
    path("rules/<int:pk>/", views.edit_rule, name="rules_edit"),
    path("rules/<int:pk>/enabled/", views.switch_rule, name="rules_switch"),
    path("rules/<int:pk>/move/", views.move_rule, name="rules_move"),
    path("rules/<int:pk>/clone/", views.clone_rule, name="rules_clone"),
    path("rules/<int:pk>/delete/", views.delete_rule, name="rules_delete"),
    path("objects/", views.objects, name="objects"),
    path("objects/addresses/add/", views.add_address, name="objects_add_address"),
    path("objects/addresses/<int:pk>/", views.edit_address, name="objects_edit_address"),
    path("objects/addresses/<int:pk>/delete/", views.delete_address, name="objects_delete_address"),
    path("objects/services/add/", views.add_service, name="objects_add_service"),
    path("objects/services/<int:pk>/", views.edit_service, name="objects_edit_service"),
    path("objects/services/<int:pk>/delete/", views.delete_service, name="objects_delete_service"),
    path("objects/schedules/add/", views.add_schedule, name="objects_add_schedule"),
    path("objects/schedules/<int:pk>/", views.edit_schedule, name="objects_edit_schedule"),
    path("objects/schedules/<int:pk>/delete/", views.delete_schedule, name="objects_delete_schedule"),
]
