/*
 * connection_sql.h
 *		Where Kafka is, and how we prove to it who we are. Private to the room's doorways.
 */
#ifndef CF_EVENTS_CONNECTION_SQL_H
#define CF_EVENTS_CONNECTION_SQL_H

#include "postgres.h"

#include "events/kafka.h"

extern char *cf_kafka_brokers;
extern char *cf_kafka_server;

/* Texts of malloc(), since another thread reads them; wiped when the next are read. Zeroed before its first use. */
typedef struct CfConnection
{
	char	   *server;			/* the setting; "" = brokers are named by themselves */
	char	   *brokers;
	bool		secured;		/* security is to be used */
	CfKafkaSecurity security;
} CfConnection;

/* cf_connection_wanted tells whether the settings name brokers. */
extern bool cf_connection_wanted(void);

/* cf_connection_where is what the settings say, for people. */
extern const char *cf_connection_where(void);

/* cf_connection_stale tells whether settings, server or credentials may be others than when the connection was read. */
extern bool cf_connection_stale(const CfConnection *connection);

/*
 * cf_connection_read reads it, in a transaction of its own; *changed tells whether it is another one than before. After false (err
 * tells) nothing of it can be used; it is stale again when something has changed.
 */
extern bool cf_connection_read(CfConnection *connection, bool *changed, CfError *err);

/* cf_connection_watch has this process note changes of servers and credentials; once. */
extern void cf_connection_watch(void);

/* cf_connection_register makes set_credentials() know servers of Kafka, and defines the settings. */
extern void cf_connection_register(void);

#endif							/* CF_EVENTS_CONNECTION_SQL_H */
