/* What a public clothes parser is inside, for those of this folder that are given one. */
#ifndef DR_API_PARSER_H
#define DR_API_PARSER_H

#include "pipeline/parser.h"

struct drape_parser {
    dr_parser parser;
};

#endif
