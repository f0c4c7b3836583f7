/* The query of a manager request. DEBUG: section 16 */
#include <string.h>

#include "helper_proto.h"
#include "manager_priv.h"

bool
managerQueryGet(HttpSlice target, const char *name, char *out, size_t size)
{
    const char *at = memchr(target.data, '?', target.len);
    const char *end = target.data + target.len;
    size_t nameLen = strlen(name);

    while (at != NULL && ++at < end) {
        const char *stop = memchr(at, '&', (size_t)(end - at));
        size_t len = (size_t)((stop != NULL ? stop : end) - at);

        if (len > nameLen && memcmp(at, name, nameLen) == 0 &&
            at[nameLen] == '=' && len - nameLen - 1 < size) {
            len -= nameLen + 1;
            memcpy(out, at + nameLen + 1, len);
            out[helperProtoUnescape(out, len)] = '\0';
            return true;
        }
        at = stop;
    }
    return false;
}
