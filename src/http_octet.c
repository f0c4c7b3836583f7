/* http_octet.c: the table of octets. */
#include "http_octet.h"

#define MARK (HTTP_OCTET_TOKEN | HTTP_OCTET_VALUE | HTTP_OCTET_TARGET)
#define NAME (MARK | HTTP_OCTET_HOST)
#define LETTER NAME
#define HEX (NAME | HTTP_OCTET_HEX)
#define DIGIT (HEX | HTTP_OCTET_DIGIT)
#define DELIMITER (HTTP_OCTET_VALUE | HTTP_OCTET_TARGET)

const uint8_t httpOctets[256] = {
    ['\t'] = HTTP_OCTET_VALUE,
    [' '] = HTTP_OCTET_VALUE,
    ['!'] = MARK,
    ['"'] = DELIMITER,
    ['#'] = HTTP_OCTET_TOKEN | HTTP_OCTET_VALUE,
    ['$'] = MARK,
    ['%'] = MARK,
    ['&'] = MARK,
    ['\''] = MARK,
    ['('] = DELIMITER,
    [')'] = DELIMITER,
    ['*'] = MARK,
    ['+'] = MARK,
    [','] = DELIMITER,
    ['-'] = NAME,
    ['.'] = NAME,
    ['/'] = DELIMITER,
    ['0' ... '9'] = DIGIT,
    [':' ... '@'] = DELIMITER,
    ['A' ... 'F'] = HEX,
    ['G' ... 'Z'] = LETTER,
    ['[' ... ']'] = DELIMITER,
    ['^'] = MARK,
    ['_'] = NAME,
    ['`'] = MARK,
    ['a' ... 'f'] = HEX,
    ['g' ... 'z'] = LETTER,
    ['{'] = DELIMITER,
    ['|'] = MARK,
    ['}'] = DELIMITER,
    ['~'] = NAME,
    [0x80 ... 0xff] = DELIMITER,
};
