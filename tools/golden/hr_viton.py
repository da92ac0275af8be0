"""HR-VITON's two networks and what lies between them, in PyTorch, as functions of a checkpoint's tensors.

Written from the paper (Lee et al. 2022, arXiv:2206.14180; Park et al. 2019, arXiv:1903.07291 for SPADE) and from what is
known of the published program's operations; none of its code. Everything is [N,C,H,W], flows are [N,h,w,(x,y)], as the
published program has them. `dtype` follows the tensors', so that all can be run in double precision as well.

    condition(t, cloth, pose)               the condition generator
    generator(t, x, regions, noise)         the image generator; noise(name, N, H, W) gives [N,1,H,W]
    logits(...), labels, warp_full, occlude what lies between
    random_condition, random_generator      tensors of the published layout, widths as wanted
"""
import math

import torch
import torch.nn.functional as F

CLASSES = 13
REGION = [0, 3, 1, 2, 1, 4, 5, 1, 1, 1, 1, 1, 6]
BLOCKS = ["head_0", "G_middle_0", "G_middle_1", "up_0", "up_1", "up_2", "up_3", "up_4"]


# --- sampling ------------------------------------------------------------------------------------------------------

def sample(x, flow, div_x, div_y):
    """x [N,C,H,W] at a grid from -1 to 1 over both ends, plus flow [N,h,w,2] / (div_x, div_y)."""
    _, h, w, _ = flow.shape
    gy, gx = torch.meshgrid(torch.linspace(-1, 1, h, dtype=flow.dtype), torch.linspace(-1, 1, w, dtype=flow.dtype),
                            indexing="ij")
    at = torch.stack([gx + flow[..., 0] / div_x, gy + flow[..., 1] / div_y], -1)
    return F.grid_sample(x, at, mode="bilinear", padding_mode="border", align_corners=False)


def warp(x, flow):
    return sample(x, flow, (flow.shape[2] / 2 - 1) / 2, (flow.shape[1] / 2 - 1) / 2)


def enlarge(x, size=None):
    return F.interpolate(x, size=size, scale_factor=None if size else 2, mode="bilinear", align_corners=False)


def enlarge_flow(flow, size=None):
    return enlarge(flow.permute(0, 3, 1, 2), size).permute(0, 2, 3, 1)


# --- condition generator -------------------------------------------------------------------------------------------

def conv(t, name, x, stride=1):
    w = t[name + ".weight"]
    return F.conv2d(x, w, t.get(name + ".bias"), stride, w.shape[2] // 2)


def batch_norm(t, name, x):
    return F.batch_norm(x, t[name + ".running_mean"], t[name + ".running_var"], t[name + ".weight"], t[name + ".bias"])


def block(t, name, kind, x):
    if kind == "up":
        r = conv(t, name + ".scale.1", enlarge(x))
    else:
        r = conv(t, name + ".scale", x, 2 if kind == "down" else 1)
    h = F.relu(batch_norm(t, name + ".block.1", conv(t, name + ".block.0", r)))
    return F.relu(r + batch_norm(t, name + ".block.4", conv(t, name + ".block.3", h)))


def condition(t, cloth, pose):
    """cloth [N,4,H,W], pose [N,16,H,W] -> {flow_i, segmap, warped_cloth, warped_mask}, and what some blocks gave."""
    levels = sum(name.startswith("ClothEncoder.") and name.endswith(".scale.weight") for name in t)
    e1, e2, out, blocks = [cloth], [pose], {}, {}
    for i in range(levels):
        e1.append(block(t, f"ClothEncoder.{i}", "down", e1[-1]))
        e2.append(block(t, f"PoseEncoder.{i}", "down", e2[-1]))
    e1, e2 = e1[1:], e2[1:]
    T = e1[-1]
    flow = conv(t, "flow_conv.0", torch.cat([T, e2[-1]], 1)).permute(0, 2, 3, 1)
    x = block(t, "SegDecoder.0", "up", block(t, "conv", "same", e2[-1]))
    out["flow_0"], blocks["ClothEncoder.1"], blocks["SegDecoder.0"] = flow, e1[1], x
    for i in range(1, levels):
        T = enlarge(T) + conv(t, f"conv1.{levels - 1 - i}", e1[levels - 1 - i])
        up = enlarge_flow(flow)
        wT = warp(T, up)
        b = F.relu(conv(t, f"bottleneck.{i - 1}.0", x))
        flow = up + conv(t, f"flow_conv.{i}", torch.cat([wT, b], 1)).permute(0, 2, 3, 1)
        x = block(t, f"SegDecoder.{i}", "up", torch.cat([x, e2[levels - 1 - i], wT], 1))
        out[f"flow_{i}"] = flow
    warped = warp(cloth, enlarge_flow(flow))
    out["segmap"] = block(t, "out_layer", "same", torch.cat([x, pose, warped], 1))
    out["warped_cloth"], out["warped_mask"] = warped[:, :3], warped[:, 3:]
    return out, blocks


# --- glue ----------------------------------------------------------------------------------------------------------

def logits(segmap, mask, composition, size):
    segmap = segmap.clone()
    if composition != "no_composition":
        segmap[:, 3:4] *= mask if composition == "warp_grad" else (mask > 0.5).to(mask.dtype)
    k = torch.exp(-(torch.arange(15, dtype=torch.float64) - 7) ** 2 / 18)
    k = (k / k.sum()).to(segmap.dtype)
    kernel = (k[:, None] * k[None, :]).expand(CLASSES, 1, 15, 15)
    return F.conv2d(enlarge(segmap, size), kernel, padding=7, groups=CLASSES)


def warp_full(x, flow):
    _, fh, fw, _ = flow.shape
    return sample(x, enlarge_flow(flow, x.shape[2:]), (fw - 1) / 2, (fh - 1) / 2)


def occlude(blurred, cloth, mask):
    p = torch.softmax(blurred, 1)
    mask = mask * (1 - (p[:, 1:3].sum(1, keepdim=True) + p[:, 5:].sum(1, keepdim=True)))
    return cloth * mask + 1 - mask, mask


# --- image generator -----------------------------------------------------------------------------------------------

def region_norm(z, mask):
    def side(m):
        n = m.sum((2, 3), keepdim=True)
        n = torch.where(n == 0, torch.ones_like(n), n)
        mu = (z * m).sum((2, 3), keepdim=True) / n
        return F.instance_norm(z * m + (1 - m) * mu) * torch.sqrt(n / (z.shape[2] * z.shape[3]))
    return side(mask) + side(1 - mask)


def spade_norm(t, name, x, regions, noise, mask=None):
    """The normalised x, and that with gamma and beta. noise [N,1,H,W] or None."""
    z = x if noise is None else x + noise * t[name + "noise_scale"].view(1, -1, 1, 1)
    y = F.instance_norm(z) if mask is None else region_norm(z, mask)
    a = F.relu(conv(t, name + "conv_shared.0", regions))
    return y, y * (1 + conv(t, name + "conv_gamma", a)) + conv(t, name + "conv_beta", a)


def sigma(t, name):
    w = t[name + ".weight_orig"]
    return torch.dot(t[name + ".weight_u"], torch.mv(w.flatten(1), t[name + ".weight_v"]))


def spectral_conv(t, name, x):
    w = t[name + ".weight_orig"] / sigma(t, name)
    return F.conv2d(x, w, t.get(name + ".bias"), padding=w.shape[2] // 2)


def leaky(x):
    return F.leaky_relu(x, 0.2)


def residual_block(t, name, x, regions, noise):
    s = F.interpolate(regions, size=x.shape[2:], mode="nearest")

    def normed(norm, x):
        n = noise and noise(f"{name}.{norm}", x.shape[0], x.shape[2], x.shape[3])
        return spade_norm(t, f"{name}.{norm}.", x, s, n)[1]

    shortcut = x
    if f"{name}.conv_s.weight_orig" in t:
        shortcut = spectral_conv(t, f"{name}.conv_s", normed("norm_s", x))
    d = spectral_conv(t, f"{name}.conv_0", leaky(normed("norm_0", x)))
    d = spectral_conv(t, f"{name}.conv_1", leaky(normed("norm_1", d)))
    return shortcut + d


def generator(t, x, regions, noise):
    """x [N,9,H,W], regions one-hot [N,7,H,W] -> picture [N,3,H,W]; noise may be None."""
    names = [b for b in BLOCKS if f"{b}.conv_1.bias" in t]
    H, W = x.shape[2:]
    y = None
    for i, name in enumerate(names):
        size = (H >> (len(names) - 1 - i), W >> (len(names) - 1 - i))
        f = conv(t, f"conv_{i}", F.interpolate(x, size=size, mode="nearest"))
        if y is not None:
            f = torch.cat([F.interpolate(y, scale_factor=2, mode="nearest"), f], 1)
        y = residual_block(t, name, f, regions, noise)
    return torch.tanh(conv(t, "conv_img", leaky(y)))


def drawn_noise(seed):
    """As the published program draws it: one plane for all channels, [N,W,H,1] turned over."""
    g = torch.Generator().manual_seed(seed)
    return lambda name, N, H, W: torch.randn(N, W, H, 1, generator=g).permute(0, 3, 2, 1)


# --- random tensors ------------------------------------------------------------------------------------------------

class Maker:
    def __init__(self, seed):
        self.t, self.g = {}, torch.Generator().manual_seed(seed)

    def normal(self, *shape, scale=1.0, mean=0.0):
        return mean + scale * torch.randn(*shape, generator=self.g)

    def conv(self, name, i, o, k, bias=True, gain=1.0, key="weight"):
        self.t[f"{name}.{key}"] = self.normal(o, i, k, k, scale=gain / math.sqrt(i * k * k))
        if bias:
            self.t[f"{name}.bias"] = self.normal(o, scale=0.1)

    def batch_norm(self, name, c):
        self.t[f"{name}.weight"] = self.normal(c, scale=0.1, mean=1)
        self.t[f"{name}.bias"] = self.normal(c, scale=0.1)
        self.t[f"{name}.running_mean"] = self.normal(c, scale=0.2)
        self.t[f"{name}.running_var"] = 0.5 + torch.rand(c, generator=self.g)
        self.t[f"{name}.num_batches_tracked"] = torch.tensor(1000)

    def block(self, name, kind, i, o):
        if kind == "up":
            self.conv(f"{name}.scale.1", i, o, 1)
        else:
            self.conv(f"{name}.scale", i, o, 3 if kind == "down" else 1, bias=kind != "down")
        for a, b in ((0, 1), (3, 4)):
            self.conv(f"{name}.block.{a}", o, o, 3, bias=False, gain=1.4)
            self.batch_norm(f"{name}.block.{b}", o)

    def spectral(self, name, i, o, k, bias=True):
        self.conv(name, i, o, k, bias, key="weight_orig")
        m = self.t[f"{name}.weight_orig"].flatten(1)
        v = F.normalize(self.normal(m.shape[1]), dim=0)
        for _ in range(5):
            u = F.normalize(m @ v, dim=0)
            v = F.normalize(m.T @ u, dim=0)
        self.t[f"{name}.weight_u"], self.t[f"{name}.weight_v"] = u, v

    def spade_norm(self, name, c, hidden, regions=7):
        self.t[f"{name}.noise_scale"] = self.normal(c, scale=0.1)
        self.conv(f"{name}.conv_shared.0", regions, hidden, 3)
        self.conv(f"{name}.conv_gamma", hidden, c, 3, gain=0.5)
        self.conv(f"{name}.conv_beta", hidden, c, 3, gain=0.5)


def random_condition(n, seed=0, width=None, decoder=None, middle=None):
    """The condition generator of width n (published: 96), or of any widths per level."""
    m = Maker(seed)
    w, d, middle = width or [n, 2 * n, 4 * n, 4 * n, 4 * n], decoder or [4 * n, 4 * n, 2 * n, n, n], middle or 8 * n
    L, T = len(w), w[-1]
    for name, i in (("ClothEncoder", 4), ("PoseEncoder", CLASSES + 3)):
        for k in range(L):
            m.block(f"{name}.{k}", "down", w[k - 1] if k else i, w[k])
    m.block("conv", "same", T, middle)
    for i in range(L):
        m.block(f"SegDecoder.{i}", "up", d[i - 1] + w[L - 1 - i] + T if i else middle, d[i])
    m.block("out_layer", "same", d[-1] + CLASSES + 7, CLASSES)
    for k in range(L - 1):
        m.conv(f"conv1.{k}", w[k], T, 1)
        m.conv(f"conv2.{k}", w[k], T, 1)
    for i in range(L):
        m.conv(f"flow_conv.{i}", 2 * T, 2, 3, gain=0.5)
    for i in range(L - 1):
        m.conv(f"bottleneck.{i}.0", d[i], T, 3)
    return m.t


def random_generator(n, hidden=128, seed=0, width=None, feature=None):
    """The image generator of width n (published: 64), or of any widths per block."""
    m = Maker(seed)
    w = width or [16 * n, 16 * n, 16 * n, 8 * n, 4 * n, 2 * n, n, n // 2]
    f = feature or [16 * n] + [16] * (len(w) - 1)
    for i in range(len(w)):
        m.conv(f"conv_{i}", 9, f[i], 3)
    for i, name in enumerate(BLOCKS[:len(w)]):
        a, b = f[i] + (w[i - 1] if i else 0), w[i]
        m.spectral(f"{name}.conv_0", a, min(a, b), 3)
        m.spectral(f"{name}.conv_1", min(a, b), b, 3)
        if a != b:
            m.spectral(f"{name}.conv_s", a, b, 1, bias=False)
        for norm, c in (("norm_0", a), ("norm_1", min(a, b))) + ((("norm_s", a),) if a != b else ()):
            m.spade_norm(f"{name}.{norm}", c, hidden)
    m.conv("conv_img", w[-1], 3, 3)
    return m.t
