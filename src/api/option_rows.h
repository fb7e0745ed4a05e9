/* SPDX-License-Identifier: MIT
 *
 * How the rows of option tables are written: the struct, the name, the field, range or values, help.
 *
 *     static const selora_option list[] = {INT(selora_phantom_options, "size", size, 32, 4096, "pixels (64)")};
 */
#ifndef SLR_OPTION_ROWS_H
#define SLR_OPTION_ROWS_H

#include "selora.h"

#define COUNT(list) (sizeof(list) / sizeof(list)[0])
#define BIG 9e15

#define FIELD(type, field) offsetof(type, field)
#define TEXT(type, name, field, values, help) {name, SELORA_OPTION_TEXT, FIELD(type, field), 0, 0, values, help, 0}
#define NEED(type, name, field, values, help) {name, SELORA_OPTION_TEXT, FIELD(type, field), 0, 0, values, help, 1}
#define CHOICE(type, name, field, values, help) {name, SELORA_OPTION_CHOICE, FIELD(type, field), 0, 0, values, help, 0}
#define INT(type, name, field, low, high, help) {name, SELORA_OPTION_INT, FIELD(type, field), low, high, "N", help, 0}
#define NUM(type, name, field, low, high, help) {name, SELORA_OPTION_NUMBER, FIELD(type, field), low, high, "X", help, 0}
#define SEED(type, name, field, help) {name, SELORA_OPTION_SEED, FIELD(type, field), 0, 0, "N", help, 0}
#define FLAG(type, name, field, help) {name, SELORA_OPTION_FLAG, FIELD(type, field), 0, 0, "", help, 0}

#endif
