"""Write small LabSpec .xml files for the tests of the reader."""

import numpy as np

LASER_NM = 632.817
WAVELENGTHS = np.array([720.0, 700.0, 680.0])
SHIFTS = 1e7 / LASER_NM - 1e7 / WAVELENGTHS[::-1]


def lsx(identity, text="", kind=7, children=()):
    inner = "".join(children)
    return f'<LSX Format="{9 if children else kind}" ID="{identity}">{text}{inner}</LSX>'


def axis(number, name, unit, values, parent=None):
    parts = [lsx("0x7D6CD4DB", " ".join(map(str, values)), 6), lsx("0x6D707974", name), lsx("0x7C696E75", unit)]
    return lsx(f"0x{number:x}", children=parts + ([lsx("0x6D6261D8", parent)] if parent else []))


def write_xml(path, scan, spectra, *, spectral=("nm", WAVELENGTHS), angle=None, laser=True):
    """scan: (name, unit, values[, parent]) of the axes from number 2 on, the fastest first."""
    axes = [lsx("0x0", children=[lsx("0x6D707974", "Intens"), lsx("0x7C696E75", "Cnt")])]
    axes.append(axis(1, "Spectr", spectral[0], spectral[1]))
    axes += [axis(number, *one) for number, one in enumerate(scan, 2)]
    tree = [lsx("0x6C7469D9", "a title", 8), lsx("0x7A74D9D6", children=[lsx("0x7B697861", children=axes)])]
    if angle is not None:
        tree.append(lsx("0x6C676EC6", children=[lsx("0x0", str(angle), 5), lsx("0x1", "0", 5)]))
    if laser:
        entry = [lsx("0x6D6D616E", "Laser (nm)"), lsx("0x7D6C61DB", "633 "), lsx("0x8736F70", str(LASER_NM), 5)]
        record = lsx("0x8716361", children=[lsx("0x6D7361DE", children=entry)])
        tree.append(lsx("0x6C62D4D9", children=[record]))
    rows = "".join(f"<LSX_Row>\n{' '.join(map(str, row))} </LSX_Row>" for row in spectra)
    body = f"<LSX_Tree>{''.join(tree)}</LSX_Tree><LSX_Matrix>{rows}</LSX_Matrix>"
    path.write_text(f'<?xml version="1.0" encoding="UTF-8"?>\n<LSX_Data>{body}</LSX_Data>', encoding="utf-8")
    return path
