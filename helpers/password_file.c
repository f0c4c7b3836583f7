/* password_file.c: users by name. */
#include "password_file.h"

#include "password_hash.h"
#include "xalloc.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#define HA1_LEN 32

typedef struct User {
    char *name;
    char *text;
    UT_hash_handle hh;
} User;

struct PasswordFile {
    User *users;  /* by name */
    User **order; /* the same, by number */
    size_t count;
    size_t room;
};

static void *
createFile(void)
{
    return xcalloc(1, sizeof(PasswordFile));
}

static void
destroyFile(void **table)
{
    PasswordFile *file = *table;

    if (!file)
        return;
    *table = NULL;
    HASH_CLEAR(hh, file->users);
    for (size_t i = 0; i < file->count; i++) {
        explicit_bzero(file->order[i]->text, strlen(file->order[i]->text));
        free(file->order[i]->text);
        free(file->order[i]->name);
        free(file->order[i]);
    }
    free(file->order);
    free(file);
}

static const User *
findUser(const PasswordFile *file, const char *name)
{
    const User *user;

    HASH_FIND_STR(file->users, name, user);
    return user;
}

static const char *
addUser(PasswordFile *file, const char *name, const char *text)
{
    User *user;

    if (findUser(file, name))
        return "this user has a line already";
    user = xcalloc(1, sizeof(*user));
    user->name = xstrdup(name);
    user->text = xstrdup(text);
    HASH_ADD_KEYPTR(hh, file->users, user->name, strlen(user->name), user);
    if (file->count == file->room) {
        file->room = file->room ? 2 * file->room : 64;
        file->order = xrealloc(file->order, file->room * sizeof(*file->order));
    }
    file->order[file->count++] = user;
    return NULL;
}

/* Cut the line at its colon; the part behind, or NULL without one. */
static char *
cutAtColon(char *line)
{
    char *colon = strchr(line, ':');

    if (!colon || colon == line)
        return NULL;
    *colon = '\0';
    return colon + 1;
}

static const char *
addHtpasswd(void *table, char *line)
{
    char *hash = cutAtColon(line);
    const char *why;

    if (!hash)
        return "a line is USER:HASH";
    hash[strcspn(hash, ":")] = '\0';
    why = passwordHashProblem(hash);
    return why ? why : addUser(table, line, hash);
}

static const char *
addPlain(void *table, char *line)
{
    const char *password = cutAtColon(line);

    return password ? addUser(table, line, password)
                    : "a line is USER:PASSWORD";
}

static bool
isHa1(const char *text)
{
    size_t len = 0;

    while (isxdigit((unsigned char)text[len]))
        len++;
    return len == HA1_LEN && text[len] == '\0';
}

/* The key is USER:REALM; a realm may hold a colon, a user may not. */
static const char *
addHa1(void *table, char *line)
{
    char *ha1 = strrchr(line, ':');

    if (!ha1 || ha1 == strchr(line, ':') || *line == ':')
        return "a line is USER:REALM:HA1";
    *ha1++ = '\0';
    if (!isHa1(ha1))
        return "an HA1 has 32 hexadecimal digits";
    return addUser(table, line, ha1);
}

const char *
passwordFileLookup(const PasswordFile *file, const char *user)
{
    const User *found = findUser(file, user);

    return found ? found->text : NULL;
}

static const User *
pickAny(const PasswordFile *file, const char *name)
{
    unsigned hash;

    HASH_VALUE(name, strlen(name), hash);
    return file->order[hash % file->count];
}

bool
passwordFileVerify(const PasswordFile *file, const char *user,
                   const char *password)
{
    const User *found = findUser(file, user);
    const User *tried = found;

    if (file->count == 0)
        return false;
    if (!tried)
        tried = pickAny(file, user);
    bool isRight = passwordHashVerify(tried->text, password);
    return isRight && found;
}

const ReloadOps passwordFileHtpasswdOps = {
    .create = createFile,
    .addLine = addHtpasswd,
    .destroy = destroyFile,
    .skipsWrong = true,
};

const ReloadOps passwordFilePlainOps = {
    .create = createFile,
    .addLine = addPlain,
    .destroy = destroyFile,
    .skipsWrong = true,
};

const ReloadOps passwordFileHa1Ops = {
    .create = createFile,
    .addLine = addHa1,
    .destroy = destroyFile,
    .skipsWrong = true,
};
