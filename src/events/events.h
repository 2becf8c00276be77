/*
 * events.h
 *		The outbox, as other rooms may use it from C. From SQL everyone calls cloudflux.emit_events().
 */
#ifndef CF_EVENTS_EVENTS_H
#define CF_EVENTS_EVENTS_H

/* cf_events_init registers the keeper's step that tells listeners of new events, and the publisher to Kafka with its settings. */
extern void cf_events_init(void);

#endif							/* CF_EVENTS_EVENTS_H */
