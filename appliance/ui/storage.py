# SPDX-License-Identifier: GPL-2.0-or-later
"""How static files are named: by their content, the modules that JavaScript imports included."""

from __future__ import annotations

from whitenoise.storage import CompressedManifestStaticFilesStorage  # type: ignore[import-untyped]  # no annotations


class HashedFiles(CompressedManifestStaticFilesStorage):  # type: ignore[misc]  # the same
    """After an update no browser mixes old modules with new ones."""

    support_js_module_import_aggregation = True
