"""The demo shop: clothes, prices in dirhams, cash on delivery. A customer of Pixelpair as any site would be."""
