/* acl_note.c: note, tag, ext_user: what helpers said about a request. */
#include "acl_priv.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "xalloc.h"

typedef struct Value {
    char *text;
    bool ignoresCase;
} Value;

typedef struct NoteSet {
    char *name;      /* of the note; the other kinds have none */
    char *separator; /* -m: a note's value is a list; NULL: it is not */
    Value *values;   /* none: any value will do */
    size_t count;
    bool isAny; /* REQUIRED was given */
} NoteSet;

static void *
createNoteSet(void)
{
    return xcalloc(1, sizeof(NoteSet));
}

static void
destroyNoteSet(void *data)
{
    NoteSet *set = data;

    for (size_t i = 0; i < set->count; i++)
        free(set->values[i].text);
    free(set->values);
    free(set->separator);
    free(set->name);
    free(set);
}

static void
addValue(void *data, const char *value, unsigned flags, AclReport *report)
{
    NoteSet *set = data;

    (void)report;
    set->values =
        xrealloc(set->values, (set->count + 1) * sizeof(*set->values));
    set->values[set->count++] =
        (Value){xstrdup(value), (flags & ACL_FLAG_NOCASE) != 0};
}

/* [-m[=SEPARATORS]] NAME VALUE... */
static void
addNote(void *data, const char *value, unsigned flags, AclReport *report)
{
    NoteSet *set = data;

    if (!set->name && !set->separator && strncmp(value, "-m", 2) == 0 &&
        (value[2] == '\0' || (value[2] == '=' && value[3] != '\0')))
        set->separator = xstrdup(value[2] ? value + 3 : ",");
    else if (!set->name)
        set->name = xstrdup(value);
    else
        addValue(data, value, flags, report);
}

static bool
isValue(const NoteSet *set, const char *text, size_t len)
{
    for (size_t i = 0; i < set->count; i++) {
        const Value *value = &set->values[i];

        if (strlen(value->text) == len &&
            (value->ignoresCase ? strncasecmp(value->text, text, len)
                                : strncmp(value->text, text, len)) == 0)
            return true;
    }
    return set->count == 0 || set->isAny;
}

static bool
isAnyOfList(const NoteSet *set, const char *list)
{
    for (;;) {
        size_t len = strcspn(list, set->separator);

        if (isValue(set, list, len))
            return true;
        if (list[len] == '\0')
            return false;
        list += len + 1;
    }
}

static bool
hasNote(const NoteSet *set, const NoteList *list)
{
    for (size_t i = 0; list && set->name && i < list->count; i++) {
        const Note *note = &list->notes[i];

        if (strcmp(note->name, set->name) == 0 &&
            (set->separator ? isAnyOfList(set, note->value)
                            : isValue(set, note->value, strlen(note->value))))
            return true;
    }
    return false;
}

static AclMatch
matchNote(const void *data, const AclInput *input)
{
    bool has = input->facts && (hasNote(data, &input->facts->notes) ||
                                hasNote(data, input->facts->clientNotes));

    return has ? ACL_MATCH_YES : ACL_MATCH_NO;
}

static AclMatch
matchText(const NoteSet *set, const char *text)
{
    return text && isValue(set, text, strlen(text)) ? ACL_MATCH_YES
                                                    : ACL_MATCH_NO;
}

static AclMatch
matchTag(const void *data, const AclInput *input)
{
    return matchText(data, input->facts ? input->facts->extTag : NULL);
}

/* REQUIRED stands for any user. */
static void
addUser(void *data, const char *value, unsigned flags, AclReport *report)
{
    NoteSet *set = data;

    if (strcmp(value, "REQUIRED") == 0)
        set->isAny = true;
    else
        addValue(data, value, flags, report);
}

static AclMatch
matchExtUser(const void *data, const AclInput *input)
{
    return matchText(data, input->facts ? input->facts->extUser : NULL);
}

const AclKindOps aclKindNote = {
    .name = "note",
    .create = createNoteSet,
    .destroy = destroyNoteSet,
    .add = addNote,
    .match = matchNote,
};

const AclKindOps aclKindTag = {
    .name = "tag",
    .create = createNoteSet,
    .destroy = destroyNoteSet,
    .add = addValue,
    .match = matchTag,
};

const AclKindOps aclKindExtUser = {
    .name = "ext_user",
    .create = createNoteSet,
    .destroy = destroyNoteSet,
    .add = addUser,
    .match = matchExtUser,
};
