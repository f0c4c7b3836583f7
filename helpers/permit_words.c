/* permit_words.c: split a rule line. */
#include "permit_words.h"

#include <string.h>

/* Copy a quoted part to *to without its quotes and escapes; what follows it,
 * or NULL when it has no end. */
static char *
takeQuoted(char *from, char **to)
{
    for (from++; *from && *from != '"'; from++) {
        if (*from == '\\' && (from[1] == '"' || from[1] == '\\'))
            from++;
        *(*to)++ = *from;
    }
    return *from ? from + 1 : NULL;
}

/* The octet behind the word, or NULL when a quote has no end. */
static char *
takeWord(char *from, char **end)
{
    char *to = from;

    while (from && *from && *from != ' ' && *from != '\t') {
        if (*from == '"')
            from = takeQuoted(from, &to);
        else
            *to++ = *from++;
    }
    *end = to;
    return from;
}

const char *
permitWordsSplit(char *line, PermitWords *words)
{
    words->count = 0;
    for (;;) {
        PermitWord *word = &words->words[words->count];
        char *end;

        line += strspn(line, " \t");
        if (*line == '\0' || *line == '#')
            return NULL;
        if (words->count == PERMIT_WORDS_MAX)
            return "too many words: use several lines";
        word->text = line;
        word->isQuoted = *line == '"';
        line = takeWord(line, &end);
        if (!line)
            return "a quote has no end";
        words->count++;
        if (*line)
            line++;
        *end = '\0';
    }
}
