#include "pipeline/parser.h"

#include "base/file.h"
#include "base/path.h"
#include "pipeline/folder.h"
#include "pipeline/models.h"

#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define MAX_EDGE 4096 /* pixels; attention's cost grows with the square of the area */

bool dr_is_parser_folder(const char *dir)
{
    char config[PATH_MAX], index[PATH_MAX];
    return !dr_path(config, sizeof config, dir, "config.json") &&
           !dr_path(index, sizeof index, dir, "model_index.json") && dr_exists(config) && !dr_exists(index);
}

/* --- labels ---------------------------------------------------------------------------------------- */

/* Puts a name behind the unknown ones. */
static dr_status add_unknown(dr_parser *m, const char *name)
{
    size_t had = m->unknown ? strlen(m->unknown) : 0, n = strnlen(name, 64);
    char *more = realloc(m->unknown, had + n + 5);
    if (!more)
        return dr_fail(DR_ENOMEM, "out of memory");
    m->unknown = more;
    snprintf(more + had, n + 5, "%s'%.*s'", had ? ", " : "", (int)n, name);
    return DR_OK;
}

/* {"0": "Background", ...} in any order: each class by its name. */
static dr_status parse_labels(dr_parser *m, const json_t *j, const char *where)
{
    const json_t *names = json_object_get(j, "id2label");
    bool has[DR_CLASS_UNKNOWN + 1] = {false};
    m->classes = (int)json_object_size(names);
    if (m->classes < 2 || m->classes > 255)
        return dr_fail(DR_EINVAL, "'%s': \"id2label\" names %zu labels; expected 2 to 255", where,
                       json_object_size(names));
    for (int i = 0; i < m->classes; i++) {
        char key[16];
        snprintf(key, sizeof key, "%d", i);
        const char *name = json_string_value(json_object_get(names, key));
        if (!name)
            return dr_fail(DR_EINVAL, "'%s': \"id2label\" has no name for class %d of %d", where, i, m->classes);
        int class = dr_class_named(name);
        has[class] = true;
        m->label[i] = (uint8_t) class;
        if (class == DR_CLASS_UNKNOWN && add_unknown(m, name))
            return DR_ENOMEM;
    }
    bool upper = has[DR_LABEL_UPPER] || has[DR_LABEL_DRESS];
    if (!has[DR_LABEL_BACKGROUND] || (!upper && !has[DR_CLASS_TORSO] && !has[DR_LABEL_SKIRT] && !has[DR_LABEL_PANTS]))
        return dr_fail(DR_EINVAL,
                       "'%s': \"id2label\" has no %s that drape knows by its name%s%.200s; a clothes parser is needed",
                       where, has[DR_LABEL_BACKGROUND] ? "garment" : "background",
                       m->unknown ? "; unknown to it: " : "", m->unknown ? m->unknown : "");
    for (int i = 0; i < m->classes; i++) {
        if (m->label[i] == DR_CLASS_TORSO)
            m->label[i] = upper ? DR_LABEL_FACE : DR_LABEL_UPPER; /* face is with the neck and the chest */
        if (m->label[i] == DR_CLASS_UNKNOWN)
            m->label[i] = DR_LABEL_BACKGROUND;
    }
    return DR_OK;
}

/* --- preprocessor_config.json ----------------------------------------------------------------------- */

/* A list of three numbers, or one for all channels. */
static dr_status parse_three(const json_t *j, const char *where, const char *key, const float def[3], float out[3])
{
    const json_t *v = json_object_get(j, key);
    for (size_t i = 0; i < 3; i++) {
        const json_t *x = json_is_array(v) ? json_array_get(v, i) : v;
        bool given = v && !json_is_null(v);
        out[i] = given ? (float)json_number_value(x) : def[i];
        if (given && (!json_is_number(x) || !isfinite(out[i]) || (json_is_array(v) && json_array_size(v) != 3)))
            return dr_fail(DR_EINVAL, "'%s': \"%s\" must be a number or a list of 3", where, key);
    }
    return DR_OK;
}

static dr_status parse_pixels(dr_parser *m, const json_t *j, const char *where)
{
    static const float imagenet_mean[3] = {0.485f, 0.456f, 0.406f}, imagenet_std[3] = {0.229f, 0.224f, 0.225f};
    bool rescale, normalize = true;
    double factor = 1;
    dr_status st = dr_json_bool(j, where, "do_rescale", true, &rescale);
    if (!st)
        st = dr_json_double(j, where, "rescale_factor", 1.0 / 255, &factor);
    if (!st)
        st = dr_json_bool(j, where, "do_normalize", true, &normalize);
    if (!st)
        st = parse_three(j, where, "image_mean", imagenet_mean, m->mean);
    if (!st)
        st = parse_three(j, where, "image_std", imagenet_std, m->std);
    if (st)
        return st;
    m->scale = rescale ? (float)factor : 1;
    for (int i = 0; i < 3; i++) {
        m->mean[i] = normalize ? m->mean[i] : 0;
        m->std[i] = normalize ? m->std[i] : 1;
        if (!(fabsf(m->std[i]) >= 1e-6f) || !isfinite(m->scale))
            return dr_fail(DR_EINVAL, "'%s': \"image_std\" or \"rescale_factor\" is out of range", where);
    }
    return DR_OK;
}

/* "size" is a number (a square), or says height and width, or (a net that takes any shape) the longest edge. */
static dr_status parse_size(dr_parser *m, const json_t *j, const char *where)
{
    const json_t *size = json_object_get(j, "size");
    int64_t width = 512, height = 512;
    dr_status st = DR_OK;
    if (json_is_object(size) && json_object_get(size, "longest_edge")) {
        width = height = 0;
        st = dr_json_ints(size, where, "longest_edge", 1, 1, MAX_EDGE, DR_PARSER_SIZES, m->longest_edge, &m->sizes);
        for (int i = 1; !st && i < m->sizes; i++)
            if (m->longest_edge[i] <= m->longest_edge[i - 1])
                st = dr_fail(DR_EINVAL, "'%s': the sizes of \"longest_edge\" must rise", where);
    } else if (json_is_object(size)) {
        st = dr_json_int(size, where, "width", 0, 1, MAX_EDGE, &width);
        if (!st)
            st = dr_json_int(size, where, "height", 0, 1, MAX_EDGE, &height);
        if (!st && (!width || !height))
            st = dr_fail(DR_EINVAL, "'%s': \"size\" must have \"height\" and \"width\", or \"longest_edge\"", where);
    } else {
        st = dr_json_int(j, where, "size", 512, 1, MAX_EDGE, &width);
        height = width;
    }
    m->width = (int)width;
    m->height = (int)height;
    return st;
}

static dr_status check_size(const dr_parser *m, const char *where)
{
    if (m->is_segformer && m->sizes)
        return dr_fail(DR_EINVAL, "'%s': \"size\" has \"longest_edge\"; a SegFormer needs \"height\" and \"width\"",
                       where);
    if (m->is_segformer)
        return dr_segformer_check_size(&m->net.segformer.config, m->height, m->width, where);
    int multiple = dr_clothes_net_multiple(&m->net.clothes_net.config);
    if (m->width % multiple || m->height % multiple)
        return dr_fail(DR_EINVAL, "'%s': the size %dx%d is not a multiple of %d, which this net needs", where, m->width,
                       m->height, multiple);
    return DR_OK;
}

static dr_status parse_preprocessor(dr_parser *m)
{
    char path[PATH_MAX];
    json_t *j;
    bool resize;
    int64_t resample = 2;
    dr_status st = dr_source_config(m->source, "processor", &j, path);
    if (st)
        return st;
    st = dr_json_bool(j, path, "do_resize", true, &resize);
    if (!st && !resize)
        st = dr_fail(DR_EINVAL, "'%s': \"do_resize\" is false; only parsers that resize the photo are supported", path);
    if (!st)
        st = dr_json_int(j, path, "resample", 2, 0, 5, &resample);
    if (!st && resample != 2)
        st =
            dr_fail(DR_EINVAL, "'%s': \"resample\" is %lld, only 2 (bilinear) is supported", path, (long long)resample);
    if (!st)
        st = dr_json_bool(j, path, "flip_average", false, &m->flip_average);
    if (!st)
        st = parse_pixels(m, j, path);
    if (!st)
        st = parse_size(m, j, path);
    if (!st)
        st = check_size(m, path);
    json_decref(j);
    return st;
}

/* --- loading ---------------------------------------------------------------------------------------- */

static dr_status init_net(dr_parser *m, const json_t *j, const char *where)
{
    const char *type;
    dr_status st = dr_json_string(j, where, "model_type", "", &type);
    if (st)
        return st;
    m->is_segformer = strcmp(type, "segformer") == 0;
    if (m->is_segformer) {
        dr_segformer_config c;
        st = dr_segformer_config_parse(&c, j, where);
        return st ? st : dr_segformer_init(&m->net.segformer, &c, &m->params);
    }
    if (strcmp(type, "drape_clothes_net") == 0) {
        dr_clothes_net_config c;
        st = dr_clothes_net_config_parse(&c, j, where);
        return st ? st : dr_clothes_net_init(&m->net.clothes_net, &c, &m->params);
    }
    return dr_fail(DR_EINVAL,
                   "'%s': \"model_type\" is \"%.64s\", a clothes parser is a segformer or a drape_clothes_net", where,
                   type);
}

static dr_status init_parser(void *net, const void *config, dr_params *p)
{
    dr_parser *m = net;
    const dr_model_json *j = config;
    DR_ASSERT(p == &m->params, "another table");
    dr_status st = init_net(m, j->root, j->where);
    return st ? st : parse_labels(m, j->root, j->where);
}

static const dr_model_row row = {"parser", false, NULL, init_parser};

dr_status dr_parser_open(dr_parser *m, const char *dir)
{
    if (m->loaded)
        return DR_OK;
    *m = (dr_parser){.loaded = true};
    dr_status st = dr_source_open(&m->source, dir, &(dr_source_options){.alone = row.part});
    if (!st) {
        m->dir = dr_source_path(m->source);
        st = dr_model_open(&row, m->source, row.part, m, &m->params);
    }
    if (!st)
        st = parse_preprocessor(m);
    if (st)
        dr_parser_unload(m);
    return st;
}

/* A square root is taken of them. */
static dr_status check_variance(const dr_parser *m)
{
    const dr_tensor *var = m->is_segformer ? m->net.segformer.var : NULL;
    dr_status st = DR_OK;
    float *value = var ? malloc(dr_nbytes(var)) : NULL;
    if (var && !value)
        return dr_fail(DR_ENOMEM, "out of memory");
    if (var)
        dr_ops_get()->get(value, dr_f32(var), dr_nbytes(var));
    for (int64_t i = 0; var && !st && i < dr_numel(var); i++)
        if (value[i] < 0)
            st = dr_fail(DR_EINVAL, "cannot load the clothes parser '%s': '%s' has the negative value %g", m->dir,
                         var->name, (double)value[i]);
    free(value);
    return st;
}

dr_status dr_parser_load(dr_parser *m, const char *dir)
{
    if (m->loaded)
        return DR_OK;
    dr_status st = dr_parser_open(m, dir);
    if (st)
        return st;
    st = dr_model_bind(&row, m->source, row.part, &m->params, &m->files);
    if (!st)
        st = check_variance(m);
    if (st)
        dr_parser_unload(m);
    return st;
}

void dr_parser_unload(dr_parser *m)
{
    if (!m->loaded)
        return;
    dr_params_clear(&m->params); /* before the files: parameters point into them */
    dr_weights_close(&m->files);
    dr_source_close(m->source);
    free(m->unknown);
    *m = (dr_parser){0};
}
