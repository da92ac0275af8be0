#include "io/torch_names.h"

#include "base/text.h"

#include <string.h>

enum { MAX_NAME = 256 };

#define STORAGE(name, dtype, size)                                                                                     \
    {                                                                                                                  \
        "torch", name "Storage", DR_TN_STORAGE, dtype, size                                                            \
    }
#define DTYPE(name, dtype, size)                                                                                       \
    {                                                                                                                  \
        "torch", name, DR_TN_DTYPE, dtype, size                                                                        \
    }
#define INERT(module, name)                                                                                            \
    {                                                                                                                  \
        module, name, DR_TN_INERT, DR_DTYPES, 0                                                                        \
    }
#define ROLE(module, name, role)                                                                                       \
    {                                                                                                                  \
        module, name, role, DR_DTYPES, 0                                                                               \
    }

static const dr_torch_name names[] = {
    ROLE("collections", "OrderedDict", DR_TN_ORDERED_DICT),
    ROLE("collections", "defaultdict", DR_TN_DEFAULT_DICT),
    ROLE("torch.nn.modules.container", "ParameterDict", DR_TN_PARAMETER_DICT),

    ROLE("torch._utils", "_rebuild_tensor", DR_TN_TENSOR),
    ROLE("torch._utils", "_rebuild_tensor_v2", DR_TN_TENSOR),
    ROLE("torch._utils", "_rebuild_tensor_v3", DR_TN_TENSOR_OF_TYPE),
    ROLE("torch._utils", "_rebuild_parameter", DR_TN_PARAMETER),
    ROLE("torch._utils", "_rebuild_parameter_with_state", DR_TN_PARAMETER),
    ROLE("torch._tensor", "_rebuild_from_type", DR_TN_FROM_TYPE),
    ROLE("torch._tensor", "_rebuild_from_type_v2", DR_TN_FROM_TYPE),
    ROLE("torch._utils", "_rebuild_qtensor", DR_TN_OTHER_TENSOR),
    ROLE("torch._utils", "_rebuild_sparse_tensor", DR_TN_OTHER_TENSOR),
    ROLE("torch._utils", "_rebuild_sparse_csr_tensor", DR_TN_OTHER_TENSOR),
    ROLE("torch._utils", "_rebuild_meta_tensor_no_storage", DR_TN_OTHER_TENSOR),
    ROLE("torch._utils", "_rebuild_nested_tensor", DR_TN_OTHER_TENSOR),
    ROLE("torch._utils", "_rebuild_device_tensor_from_numpy", DR_TN_OTHER_TENSOR),

    STORAGE("Float", DR_F32, 4),
    STORAGE("Half", DR_F16, 2),
    STORAGE("BFloat16", DR_BF16, 2),
    STORAGE("Double", DR_F64, 8),
    STORAGE("Long", DR_I64, 8),
    STORAGE("Int", DR_I32, 4),
    STORAGE("Short", DR_I16, 2),
    STORAGE("Char", DR_I8, 1),
    STORAGE("Byte", DR_U8, 1),
    STORAGE("Bool", DR_BOOL, 1),
    STORAGE("ComplexFloat", DR_DTYPES, 8),
    STORAGE("ComplexDouble", DR_DTYPES, 16),
    STORAGE("QInt8", DR_DTYPES, 1),
    STORAGE("QUInt8", DR_DTYPES, 1),
    STORAGE("QInt32", DR_DTYPES, 4),
    STORAGE("QUInt4x2", DR_DTYPES, 1),
    STORAGE("QUInt2x4", DR_DTYPES, 1),
    {"torch.storage", "UntypedStorage", DR_TN_STORAGE, DR_DTYPES, 1},

    DTYPE("float32", DR_F32, 4),
    DTYPE("float16", DR_F16, 2),
    DTYPE("bfloat16", DR_BF16, 2),
    DTYPE("float64", DR_F64, 8),
    DTYPE("int64", DR_I64, 8),
    DTYPE("int32", DR_I32, 4),
    DTYPE("int16", DR_I16, 2),
    DTYPE("int8", DR_I8, 1),
    DTYPE("uint8", DR_U8, 1),
    DTYPE("bool", DR_BOOL, 1),
    DTYPE("complex64", DR_DTYPES, 8),
    DTYPE("complex128", DR_DTYPES, 16),
    DTYPE("complex32", DR_DTYPES, 4),
    DTYPE("uint16", DR_DTYPES, 2),
    DTYPE("uint32", DR_DTYPES, 4),
    DTYPE("uint64", DR_DTYPES, 8),
    DTYPE("float8_e4m3fn", DR_DTYPES, 1),
    DTYPE("float8_e5m2", DR_DTYPES, 1),
    DTYPE("float8_e4m3fnuz", DR_DTYPES, 1),
    DTYPE("float8_e5m2fnuz", DR_DTYPES, 1),
    DTYPE("float8_e8m0fnu", DR_DTYPES, 1),
    DTYPE("qint8", DR_DTYPES, 1),
    DTYPE("quint8", DR_DTYPES, 1),
    DTYPE("qint32", DR_DTYPES, 4),

    INERT("torch", "Size"),
    INERT("torch", "device"),
    INERT("torch", "Tensor"),
    INERT("torch", "strided"),
    INERT("torch", "contiguous_format"),
    INERT("torch", "channels_last"),
    INERT("torch", "per_tensor_affine"),
    INERT("torch", "per_channel_affine"),
    INERT("torch.nn.parameter", "Parameter"),
    INERT("torch.nn.parameter", "Buffer"),
    INERT("torch.serialization", "_get_layout"),

    INERT("numpy", "dtype"),
    INERT("numpy", "ndarray"),
    INERT("numpy.core.multiarray", "scalar"),
    INERT("numpy._core.multiarray", "scalar"),
    INERT("numpy.core.multiarray", "_reconstruct"),
    INERT("numpy._core.multiarray", "_reconstruct"),
    INERT("numpy.core.numeric", "_frombuffer"),
    INERT("numpy._core.numeric", "_frombuffer"),
    INERT("_codecs", "encode"),

    INERT("argparse", "Namespace"),
    INERT("types", "SimpleNamespace"),
    INERT("typing", "Any"),
    INERT("collections", "Counter"),
    INERT("collections", "deque"),
    INERT("copy_reg", "_reconstructor"),
    INERT("copyreg", "_reconstructor"),
    INERT("datetime", "date"),
    INERT("datetime", "datetime"),
    INERT("datetime", "time"),
    INERT("datetime", "timedelta"),
    INERT("datetime", "timezone"),
    INERT("decimal", "Decimal"),
    INERT("fractions", "Fraction"),
    INERT("uuid", "UUID"),
    INERT("pathlib", "Path"),
    INERT("pathlib", "PosixPath"),
    INERT("pathlib", "PurePosixPath"),
    INERT("pathlib", "WindowsPath"),
    INERT("pathlib", "PureWindowsPath"),
    INERT("pathlib._local", "PosixPath"),
    INERT("pathlib._local", "WindowsPath"),
    INERT("easydict", "EasyDict"),
    INERT("yacs.config", "CfgNode"),
    INERT("addict.addict", "Dict"),
};

/* Python's own types, under either of the module's names. */
static const char *const builtin_types[] = {"bool",      "bytearray", "bytes", "complex", "dict",   "float",
                                            "frozenset", "int",       "list",  "long",    "object", "range",
                                            "set",       "slice",     "str",   "tuple",   "unicode"};

/* Of these packages classes are inert, whichever they are: trainers keep their own settings and state in checkpoints.
 */
static const char *const class_packages[] = {"pytorch_lightning.", "lightning.", "lightning_fabric.", "omegaconf.",
                                             "torch.optim."};

/* Number types of numpy: numpy.float64, numpy.dtypes.Float64DType. */
static const char *const numpy_numbers[] = {"bool",     "bool_", "float16", "float32",   "float64",   "int8",   "int16",
                                            "int32",    "int64", "uint8",   "uint16",    "uint32",    "uint64", "intc",
                                            "longlong", "str_",  "bytes_",  "complex64", "complex128"};

static const dr_torch_name inert = {"", "", DR_TN_INERT, DR_DTYPES, 0};

static bool is_one_of(const dr_pk *v, const char *const *list, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (dr_pk_is(v, list[i]))
            return true;
    return false;
}
#define IS_ONE_OF(v, list) is_one_of(v, list, sizeof(list) / sizeof *(list))

/* Like a class: a capital first, then letters, digits and underscores. No dots: what comes behind one is an attribute,
 * and by those any module reaches any function. */
static bool is_class(const dr_pk *name)
{
    for (uint32_t i = 0; i < name->n; i++) {
        char c = name->s[i];
        bool letter = (c >= 'A' && c <= 'Z') || (i && ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_'));
        if (!letter)
            return false;
    }
    return name->n > 0;
}

static bool is_inert(const dr_pk *module, const dr_pk *name)
{
    if (dr_pk_is(module, "builtins") || dr_pk_is(module, "__builtin__"))
        return IS_ONE_OF(name, builtin_types);
    if (dr_pk_is(module, "numpy"))
        return IS_ONE_OF(name, numpy_numbers);
    if (dr_pk_is(module, "numpy.dtypes"))
        return is_class(name);
    for (size_t i = 0; i < sizeof class_packages / sizeof *class_packages; i++) {
        size_t n = strlen(class_packages[i]);
        if (module->n > n && memcmp(module->s, class_packages[i], n) == 0)
            return is_class(name);
    }
    return false;
}

dr_status dr_torch_whole_model(const char *path, const char *class_name)
{
    return dr_fail(
        DR_EINVAL,
        "cannot read '%s': it holds a Python object of the class '%s' (a whole model, or what else a program "
        "kept) and not tensors alone; only state dictionaries can be read: save 'model.state_dict()' with the "
        "program that made the file",
        path, class_name);
}

dr_status dr_torch_name_find(const char *path, const dr_pk *module, const dr_pk *name, const dr_torch_name **out)
{
    dr_shown m, n;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (dr_pk_is(name, names[i].name) && dr_pk_is(module, names[i].module)) {
            *out = &names[i];
            return DR_OK;
        }
    if (name->n <= MAX_NAME && is_inert(module, name)) {
        *out = &inert;
        return DR_OK;
    }
    dr_show(&m, module->s, module->n);
    dr_show(&n, name->s, name->n);
    if (name->n <= MAX_NAME && is_class(name) && !dr_pk_is(module, "subprocess")) {
        char both[sizeof m + sizeof n + 2];
        strcpy(both, m.text);
        strcat(strcat(both, "."), n.text);
        return dr_torch_whole_model(path, both);
    }
    return dr_fail(
        DR_EINVAL,
        "cannot read '%s': it asks for '%s.%s' to be called, which no weights need; such a file can do harm in "
        "programs that do as it asks; nothing of it was run",
        path, m.text, n.text);
}
