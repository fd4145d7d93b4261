"""All that is planted, family by family."""

from __future__ import annotations

import breaker_mutants
import cache_mutants
import connect_mutants
import content_mutants
import context_mutants
import control_mutants
import degrade_mutants
import keys_mutants
import pii_mutants
import quota_mutants
import retry_mutants
import spend_mutants
import stream_mutants
import timeout_mutants

FAMILIES = (
    control_mutants,
    retry_mutants,
    timeout_mutants,
    breaker_mutants,
    stream_mutants,
    content_mutants,
    degrade_mutants,
    context_mutants,
    keys_mutants,
    connect_mutants,
    cache_mutants,
    spend_mutants,
    pii_mutants,
    quota_mutants,
)
MUTANTS = tuple(mutant for family in FAMILIES for mutant in family.MUTANTS)
