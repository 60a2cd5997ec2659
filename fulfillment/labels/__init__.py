"""Labels and slips: what they say (`content`), where it stands (`layout`), and how it is written (`zpl`, `pdf`, `png`). Knows no database."""
