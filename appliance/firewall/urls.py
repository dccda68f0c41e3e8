# SPDX-License-Identifier: GPL-2.0-or-later
"""Addresses of firewall: rules and the objects they use."""

from __future__ import annotations

from django.urls import path

from appliance.firewall.views import activations, countries, objects, questions, recipes, rule_acts, rule_filters, rules

app_name = "firewall"
urlpatterns = [
    path("rules/", rules.rules, name="rules"),
    path("rules/add/", rules.add_rule, name="rules_add"),
    path("rules/from-packet/", recipes.from_packet, name="rules_from_packet"),
    path("rules/bar/", rules.bar, name="rules_bar"),
    path("rules/holding/", rules.holding_objects, name="rules_holding"),
    path("rules/columns/", rules.choose_columns, name="rules_columns"),
    path("rules/filters/keep/", rule_filters.keep, name="rules_filters_keep"),
    path("rules/filters/forget/", rule_filters.forget, name="rules_filters_forget"),
    path("rules/sentence/", rules.sentence, name="rules_sentence"),
    path("rules/<int:pk>/", rules.edit_rule, name="rules_edit"),
    path("rules/<int:pk>/enabled/", rule_acts.switch, name="rules_switch"),
    path("rules/<int:pk>/move/", rule_acts.move, name="rules_move"),
    path("rules/<int:pk>/clone/", rule_acts.clone, name="rules_clone"),
    path("rules/<int:pk>/delete/", rule_acts.delete, name="rules_delete"),
    path("rules/<int:pk>/menu/", rule_acts.menu, name="rules_menu"),
    path("rules/<int:pk>/place/", rule_acts.place, name="rules_place"),
    path("rules/<int:pk>/call/", rule_acts.as_call, name="rules_call"),
    path("rules/<int:pk>/flush/", rule_acts.flush, name="rules_flush"),
    path("rules/<int:pk>/history/", rule_acts.history, name="rules_history"),
    path("rules/several/", rule_acts.change_several, name="rules_several"),
    path("rules/several/delete/", rule_acts.delete_several, name="rules_several_delete"),
    path("rules/undo/", rule_acts.undo, name="rules_undo"),
    path("rules/<int:pk>/start/", activations.start_rule, name="rules_start"),
    path("activations/", activations.activations, name="activations"),
    path("activations/undo/", activations.undo, name="activations_undo"),
    path("activations/<int:pk>/stop/", activations.stop, name="activations_stop"),
    path("exemptions/", activations.exemptions, name="exemptions"),
    path("exemptions/add/", activations.exempt, name="exemptions_add"),
    path("exemptions/<int:pk>/", activations.show_exemption, name="exemptions_show"),
    path("exemptions/<int:pk>/draft/", activations.draft_rules, name="exemptions_draft"),
    path("recipes/", recipes.recipes, name="recipes"),
    path("recipes/<slug:name>/", recipes.recipe, name="recipes_one"),
    path("questions/", questions.questions, name="questions"),
    path("objects/", objects.objects, name="objects"),
    path("objects/undo/", objects.undo, name="objects_undo"),
    path("objects/usual-services/", objects.add_usual_services, name="objects_usual_services"),
    path("objects/name-servers/", objects.name_servers, name="objects_name_servers"),
    path("objects/addresses/<int:pk>/refresh/", objects.refresh_address, name="objects_refresh_address"),
    path("objects/<slug:sort>/<int:pk>/replace/", objects.replace_object, name="objects_replace"),
    path("objects/countries/", countries.countries, name="objects_countries"),
    path("objects/countries/upload/", countries.upload, name="objects_countries_upload"),
    path("objects/countries/<int:pk>/use/", countries.use, name="objects_countries_use"),
    path("objects/countries/<int:pk>/discard/", countries.discard, name="objects_countries_discard"),
]

for sort, plural in (("address", "addresses"), ("service", "services"), ("schedule", "schedules")):
    urlpatterns += [
        path(f"objects/{plural}/add/", objects.add_object, {"sort": sort}, f"objects_add_{sort}"),
        path(f"objects/{plural}/<int:pk>/", objects.edit_object, {"sort": sort}, f"objects_edit_{sort}"),
        path(f"objects/{plural}/<int:pk>/delete/", objects.delete_object, {"sort": sort}, f"objects_delete_{sort}"),
    ]
