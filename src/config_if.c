/* config_if.c: if, else and endif, and ${...}. */
#include "config_priv.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* There is one process, which is the first one. */
static const struct {
    const char *name;
    const char *value;
} macros[] = {
    {"${process_name}", "squire1"},
    {"${process_number}", "1"},
    {"${service_name}", "squire"},
};

/* The macro that text begins with, and its value; 0 when there is none. */
static size_t
macroLen(const char *text, const char **valueOut)
{
    for (size_t i = 0; i < sizeof(macros) / sizeof(macros[0]); i++) {
        size_t len = strlen(macros[i].name);

        *valueOut = macros[i].value;
        if (strncmp(text, macros[i].name, len) == 0)
            return len;
    }
    return 0;
}

int
configExpand(const char *text, Buf *out)
{
    const char *value;
    int rc = 0;

    while (rc == 0 && *text) {
        size_t plain = strcspn(text, "$");
        size_t len = macroLen(text + plain, &value);

        rc = bufAppend(out, text, plain);
        text += plain;
        if (rc == 0 && len > 0)
            rc = bufAppend(out, value, strlen(value));
        else if (rc == 0 && *text)
            rc = bufAppend(out, text, len = 1);
        text += len;
    }
    return rc;
}

/* A whole number; what follows it, without blanks. NULL: there is none. */
static const char *
takeNumber(const char *text, long *valueOut)
{
    char *end;

    errno = 0;
    *valueOut = strtol(text, &end, 10);
    if (end == text || errno != 0)
        return NULL;
    while (isspace((unsigned char)*end))
        end++;
    return end;
}

/* "true", "false" or "NUMBER = NUMBER". */
static bool
readCondition(const char *text, bool *valueOut)
{
    long left, right;
    const char *at;

    *valueOut = strcmp(text, "true") == 0;
    if (*valueOut || strcmp(text, "false") == 0)
        return true;
    at = takeNumber(text, &left);
    if (!at || *at != '=')
        return false;
    at = takeNumber(at + 1, &right);
    *valueOut = left == right;
    return at && *at == '\0';
}

static const char *
beginIf(ConfigIf *state, const char *condition, unsigned line)
{
    bool value;

    if (state->depth >= CONFIG_IF_DEPTH_MAX)
        return "if: too many within each other";
    bool isGood = readCondition(condition, &value);
    bool isTaken = isGood && !configIfSkips(state); /* one of the branches */
    state->levels[state->depth++] =
        (ConfigIfLevel){.line = line,
                        .isTaken = value && isTaken,
                        .isOuterTaken = isTaken};
    return isGood ? NULL : "if: expected true, false or NUMBER = NUMBER";
}

static const char *
turnToElse(ConfigIf *state)
{
    ConfigIfLevel *level =
        state->depth > 0 ? &state->levels[state->depth - 1] : NULL;

    if (level == NULL || level->isElse)
        return "else without an if before it";
    level->isElse = true;
    level->isTaken = !level->isTaken && level->isOuterTaken;
    return NULL;
}

/* What follows the first word of text when that is name, else NULL. */
static const char *
afterWord(const char *text, const char *name)
{
    size_t len = strlen(name);

    text += strspn(text, " \t");
    if (strncmp(text, name, len) != 0 ||
        (text[len] && !isspace((unsigned char)text[len])))
        return NULL;
    text += len;
    return text + strspn(text, " \t");
}

/* Cut off a comment and blanks. */
static void
trim(char *text)
{
    size_t len = strcspn(text, "#");

    while (len > 0 && isspace((unsigned char)text[len - 1]))
        len--;
    text[len] = '\0';
}

bool
configIfTake(ConfigIf *state, char *text, unsigned line, const char **whyOut)
{
    const char *condition, *rest, *end;

    *whyOut = NULL;
    if (!afterWord(text, "if") && !afterWord(text, "else") &&
        !afterWord(text, "endif"))
        return false;
    trim(text);
    condition = afterWord(text, "if");
    rest = afterWord(text, "else");
    end = afterWord(text, "endif");
    if (condition)
        *whyOut = beginIf(state, condition, line);
    else if (*(rest ? rest : end))
        *whyOut = "else and endif stand alone in their lines";
    else if (rest)
        *whyOut = turnToElse(state);
    else if (state->depth == 0)
        *whyOut = "endif without an if before it";
    else
        state->depth--;
    return true;
}

bool
configIfSkips(const ConfigIf *state)
{
    return state->depth > 0 && !state->levels[state->depth - 1].isTaken;
}
