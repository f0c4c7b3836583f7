/*
 * list.h: an intrusive doubly linked list. A node lives inside its object;
 * no allocation, O(1) insert and remove. Thread: the owner of the list.
 */
#ifndef SQUIRE_LIST_H
#define SQUIRE_LIST_H

#include <stdbool.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct ListNode {
    struct ListNode *prev;
    struct ListNode *next;
} ListNode;

/* The object of type `type` whose field `field` is *node. */
#define LIST_OBJ(node, type, field)                                     \
    ((type *)(void *)((char *)(node) - offsetof(type, field)))

/* Walk a list; the body may remove `it`. `it`, `tmp`: ListNode pointers. */
#define LIST_FOREACH(head, it, tmp)                                     \
    for ((it) = (head)->next, (tmp) = (it)->next; (it) != (head);       \
         (it) = (tmp), (tmp) = (it)->next)

/* Make head an empty list, or a node unlinked. */
static inline void
listInit(ListNode *head)
{
    head->prev = head->next = head;
}

/* True when head has no members (or the node is in no list). */
static inline bool
listIsEmpty(const ListNode *head)
{
    return head->next == head;
}

/* Insert node, unlinked until now, as the first member. */
static inline void
listPushFront(ListNode *head, ListNode *node)
{
    node->prev = head;
    node->next = head->next;
    head->next->prev = node;
    head->next = node;
}

/* Insert node, unlinked until now, as the last member. */
static inline void
listPushBack(ListNode *head, ListNode *node)
{
    listPushFront(head->prev, node);
}

/* Unlink node and leave it initialised; harmless when already unlinked. */
static inline void
listRemove(ListNode *node)
{
    node->prev->next = node->next;
    node->next->prev = node->prev;
    listInit(node);
}

/* The first member, or NULL. */
static inline ListNode *
listFirst(const ListNode *head)
{
    return listIsEmpty(head) ? NULL : head->next;
}

#ifdef __cplusplus
}
#endif

#endif
