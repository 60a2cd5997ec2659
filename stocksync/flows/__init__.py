"""Operations strung around calls to marketplaces: claim in one transaction, call outside any, record in another.

A process that dies in between leaves a claim that lapses; the next one makes the same call again and gets the same end.
"""
