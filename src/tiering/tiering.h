/*
 * tiering.h
 *		What the rest of the library calls of this room.
 */
#ifndef CF_TIERING_TIERING_H
#define CF_TIERING_TIERING_H

/* cf_tiering_init defines the settings. */
extern void cf_tiering_init(void);

#endif							/* CF_TIERING_TIERING_H */
