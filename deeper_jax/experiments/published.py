"""The paper's own figures, printed beside ours: OTHER data, so never to be mixed with them."""

from types import MappingProxyType

from deeper_jax.evaluation.report.tables import Section, TextTable

OTHER_DATA = (
    "Published by Horgan et al. (2021) on THEIR measured cells and tissue: other data than everything above, so a "
    "difference says nothing by itself. ~: read off the bars of a figure."
)

_TABLES = MappingProxyType(
    {
        "denoising": (
            ["MSE", "raw", "network", "PCA", "wavelet", "SG(1,9)"],
            [
                ["journal", "~0.0573", "0.00285 [0.00255, 0.00315]", "~0.0296", "~0.0466", "~0.0559"],
                ["preprint", "~0.0573", "0.00285", "", "", "0.0254 [0.0230, 0.0278]"],
            ],
        ),
        "super_resolution": (
            ["2x / 3x / 4x", "nearest", "bicubic", "network"],
            [
                ["PSNR / dB ~", "39.9 / 38.2 / 36.6", "40.4 / 39.3 / 37.6", "42.0 / 40.6 / 39.3"],
                ["SSIM ~", ".636 / .627 / .526", ".643 / .631 / .550", ".846 / .843 / .829"],
                ["MSE x 1e-4 ~", "1.29 / 2.01 / 3.09", "1.14 / 1.50 / 2.39", "0.78 / 1.10 / 1.59"],
            ],
        ),
        "hybrid": (
            ["pixel classification accuracy, % ~", "2x", "3x", "4x"],
            [
                ["inputs (nearest)", "68.4", "66.6", "67.4"],
                ["SG + bicubic", "68.6", "73.7", "67.1"],
                ["PCA + bicubic", "69", "74.5", "67.5"],
                ["networks", "82.2", "87.0", "82.0"],
                ["imaging time, min:s (1 s a pixel at full size: 68:16)", "1:42", "0:44", "0:26"],
            ],
        ),
        "transfer": (
            ["cartilage, 4x ~", "nearest", "bicubic", "from scratch", "fine-tuned"],
            [["PSNR / dB", "42.6", "43.6", "40.0", "43.4"], ["SSIM", ".80", ".82", ".90", ".94"]],
        ),
    }
)


def published_section(experiment: str) -> Section:
    """The published values of one experiment by name."""
    header, body = _TABLES[experiment]
    return Section("Published values (other data)", [OTHER_DATA], TextTable(header, body))
