/* note.c: annotations. */
#include "note.h"

#include <stdlib.h>
#include <string.h>

#include "xalloc.h"

void
noteListInit(NoteList *list)
{
    *list = (NoteList){NULL, 0};
}

static void
freeNote(Note *note)
{
    free(note->name);
    free(note->value);
}

void
noteListClear(NoteList *list)
{
    for (size_t i = 0; i < list->count; i++)
        freeNote(&list->notes[i]);
    free(list->notes);
    noteListInit(list);
}

static bool
hasNote(const NoteList *list, const char *name, const char *value)
{
    for (size_t i = 0; i < list->count; i++)
        if (strcmp(list->notes[i].name, name) == 0 &&
            strcmp(list->notes[i].value, value) == 0)
            return true;
    return false;
}

bool
noteListAdd(NoteList *list, const char *name, const char *value)
{
    if (hasNote(list, name, value))
        return true;
    if (list->count >= NOTE_MAX)
        return false;
    list->notes =
        xrealloc(list->notes, (list->count + 1) * sizeof(*list->notes));
    list->notes[list->count++] = (Note){xstrdup(name), xstrdup(value)};
    return true;
}

void
noteListRemove(NoteList *list, const char *name)
{
    size_t kept = 0;

    for (size_t i = 0; i < list->count; i++) {
        if (strcmp(list->notes[i].name, name) == 0)
            freeNote(&list->notes[i]);
        else
            list->notes[kept++] = list->notes[i];
    }
    list->count = kept;
}

const char *
noteListGet(const NoteList *list, const char *name)
{
    for (size_t i = 0; i < list->count; i++)
        if (strcmp(list->notes[i].name, name) == 0)
            return list->notes[i].value;
    return NULL;
}
