/*
 * migration.h
 *		What other rooms may know of migration: its start-up. Everything else meets in SQL.
 */
#ifndef CF_MIGRATION_MIGRATION_H
#define CF_MIGRATION_MIGRATION_H

extern void cf_migration_init(void);

#endif							/* CF_MIGRATION_MIGRATION_H */
