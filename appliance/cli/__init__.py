# SPDX-License-Identifier: GPL-2.0-or-later
"""The command line: `manage.py pinhole VERB`. Each verb reads by a query or writes by a service, as page and API do."""
