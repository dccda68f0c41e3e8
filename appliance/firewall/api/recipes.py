# SPDX-License-Identifier: GPL-2.0-or-later
"""REST of recipes: their questions, and the rules that follow from answers."""

# ruff: noqa: ARG001  (ninja passes `request` by name to every operation)

from __future__ import annotations

from typing import Any

from django.http import Http404, HttpRequest
from ninja import Router, Schema

from appliance.firewall import services
from appliance.firewall.api.references import actor, checked
from appliance.recipes.forms import RECIPES
from appliance.ui.requests import may

router = Router(tags=["recipes"])


class RecipeOut(Schema):
    name: str
    label: str
    about: str
    questions: list[str]


class RecipeList(Schema):
    items: list[RecipeOut]
    count: int


class AnswersIn(Schema):
    """`answers` by question; `dry_run` makes nothing."""

    answers: dict[str, Any]
    dry_run: bool = False


class Drafts(Schema):
    """`rules` are ids; empty for a dry run."""

    rules: list[int]
    sentences: list[str]
    advice: list[str]


@router.get("/recipes", response=RecipeList)
@may("rules.see")
def list_recipes(request: HttpRequest) -> dict[str, Any]:
    items = [
        {"name": name, "label": str(each.label), "about": str(each.about), "questions": list(each.form.base_fields)}
        for name, each in RECIPES.items()
    ]
    return {"items": items, "count": len(items)}


@router.post("/recipes/{name}", response=Drafts)
@may("rules.change")
def cook(request: HttpRequest, name: str, payload: AnswersIn) -> dict[str, Any]:
    if name not in RECIPES:
        raise Http404
    recipe = RECIPES[name]
    plan = recipe.plan(checked(recipe.form(payload.answers)).cleaned_data)
    if payload.dry_run:
        drafted = services.preview_plan(plan=plan)
    else:
        drafted = services.draft_plan(actor=actor(request), plan=plan)
    return {
        "rules": [] if payload.dry_run else [rule.pk for rule in drafted.rules],
        "sentences": [str(each) for each in drafted.sentences],
        "advice": drafted.advice,
    }
