"""Definitions: what a promotion says, checked and put into normal form in one place.

A definition is three documents as marketers and integrators write them: ``outcome``, ``eligibility`` and ``content``.
``check_loyalty`` and ``check_discount`` turn them into normal form (defaults filled in, numbers as plain text, trees
checked) or report everything that is wrong, each problem with its path. The admin, the REST API and imports all call
them; the rulebook compiles nothing else.
"""
