"""Words of other languages in the headers of spectra, in English."""

import functools
import re
import unicodedata

_LENGTH_OF = r"(?:longueur|longitud|lunghezza|comprimento)s? ?(?:d['’]|de |di )? ?ond[ae]s?"
_NUMBER_OF = r"(?:nombre|numero)s? ?(?:d['’]|de |di )? ?ond[ae]s?"
# In German they may stand within a word: 'Laserwellenlänge'.
_WITHIN = {
    "wavelength": rf"wellenl(?:a|ae)ngen?|golflengte|{_LENGTH_OF}|波长|波長|длина волны",
    "wavenumber": rf"wellenzahl(?:en)?|golfgetal|{_NUMBER_OF}|波数|волновое число",
    "raman shift": "raman[ -]?(?:verschiebung|verschuiving)|(?:decalage|deplacement)s? raman"
    "|(?:desplazamiento|spostamento|deslocamento) raman|拉曼位移|拉曼频移|ラマンシフト|рамановский сдвиг",
    "excitation": "anregungs?|excitacion|eccitazione|激发",
    "power": "leistung|puissance|potencia|potenza|功率",
    "number": "nummer",
    "laser": "激光",
    "intensity": "intensita(?:e?t(?:en)?)?(?![a-z])|intensite(?:it)?(?![a-z])|intensidade?|强度|強度|интенсивность",
}
_WHOLE = {
    "shift": "verschiebung|decalage|desplazamiento|spostamento",
    "counts": "zahlrate|zahlwerte?|zahler|comptages?|coups|cuentas|conteggi",
    "corrected": r"\w*korrigierte?s?|bereinigt|corrige[es]?|corregid[oa]|corrett[oa]",
    "processed": "verarbeitet|bearbeitet|traite[es]?|procesad[oa]|elaborat[oa]",
    "raw": "roh(?:daten|werte?|signal|spektrum)?|brut(?:e|es|s)?|crud[oa]|grezz[oa]",
    "dark": "dunkel(?:strom|spektrum|signal|wert)?|noir|obscurite|oscur[oa]|buio",
    "background": "untergrund|hintergrund|fond|fondo",
    "baseline": "basislinie|grundlinie|ligne de base|linea (?:de )?base",
    "reference": "referenz|referencia|riferimento",
    "noise": "rauschen|bruit|ruido|rumore",
    "error": "fehler|erreur|errore?",
    "row": "zeilen?|lignes?|filas?|righe|riga|linha",
    "column": "spalten?|colonn[ea]s?|columnas?|coluna",
    "number": "numero",
    "channel": "kanal|canale?",
    "point": "punkt|punto",
    "sample": "proben?|echantillon|muestra|campione|amostra",
    "spectrum": "spektrum|spektren|spectre|espectro|spettro",
    "time": "zeit|temps|tiempo|tempo",
    "depth": "tiefe|profondeur|profundidad|profondita",
    "axis": "achse|axe|eje|asse",
    "energy": "energie|energia",
}


def _folded(text: str) -> str:
    """Lower case without accents."""
    return "".join(letter for letter in unicodedata.normalize("NFD", text.lower()) if not unicodedata.combining(letter))


_RULES = [(re.compile(_folded(foreign)), f" {word} ") for word, foreign in _WITHIN.items()]
_RULES += [(re.compile(rf"(?<![^\W\d_])(?:{_folded(foreign)})(?![^\W\d_])"), word) for word, foreign in _WHOLE.items()]


@functools.lru_cache(4096)
def in_english(text: str) -> str:
    """The text in lower case, without accents and doubled blanks, its words of other languages as English has them."""
    folded = _folded(text)
    if re.search(r"[^\W\d_]{4}|[^\x00-\x7f]", folded):
        for pattern, word in _RULES:
            folded = pattern.sub(word, folded)
    return " ".join(folded.split())
