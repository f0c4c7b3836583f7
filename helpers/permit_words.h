/*
 * permit_words.h: the words of a rule line. Thread: any.
 */
#ifndef SQUIRE_PERMIT_WORDS_H
#define SQUIRE_PERMIT_WORDS_H

#include <stdbool.h>
#include <stddef.h>

#define PERMIT_WORDS_MAX 1024

typedef struct PermitWord {
    const char *text;
    bool isQuoted; /* began with a quote: never a keyword or a pair */
} PermitWord;

typedef struct PermitWords {
    PermitWord words[PERMIT_WORDS_MAX];
    size_t count;
} PermitWords;

/*
 * Split a line at its blanks, in place; words borrows it. "..." holds blanks,
 * with \" and \\ inside, and may begin within a word (key="a b"). A word that
 * begins with # ends the line. NULL, or what is wrong: constant.
 */
const char *permitWordsSplit(char *line, PermitWords *words);

#endif
