/*
 * note.h: annotations: names with values that helpers gave a request or a
 * client's connection. A name may occur several times. Thread: any.
 */
#ifndef SQUIRE_NOTE_H
#define SQUIRE_NOTE_H

#include <stdbool.h>
#include <stddef.h>

#define NOTE_MAX 128 /* of one list; more are dropped */

typedef struct Note {
    char *name;
    char *value;
} Note;

typedef struct NoteList {
    Note *notes;
    size_t count;
} NoteList;

/* Make an empty list; it holds nothing. */
void noteListInit(NoteList *list);

/* Forget all of them. */
void noteListClear(NoteList *list);

/* Add one at the end, unless it is there; both are copied. False: the list is
 * full. */
bool noteListAdd(NoteList *list, const char *name, const char *value);

/* Forget all of that name. */
void noteListRemove(NoteList *list, const char *name);

/* The first value of that name, or NULL; borrowed until the next change. */
const char *noteListGet(const NoteList *list, const char *name);

#endif
