-- One row a tenant. Every append locks it first and so takes its place in the tenant's order: positions have no gaps
-- and are in commit order. The low fillfactor keeps the update heap-only.
create table tenants (
  tenant text collate "C" primary key,
  position bigint not null
) with (fillfactor = 10);

create table streams (
  tenant text collate "C" not null,
  stream text collate "C" not null,
  revision bigint not null,
  primary key (tenant, stream)
) with (fillfactor = 80);

create table events (
  tenant text collate "C" not null,
  position bigint not null,
  stream text collate "C" not null,
  revision bigint not null,
  id uuid not null,
  type text collate "C" not null,
  schema_version integer not null,
  recorded_at timestamptz not null,
  payload bytea not null,
  hash bytea not null,
  constraint events_position primary key (tenant, position),
  constraint events_revision unique (tenant, stream, revision),
  constraint events_id unique (tenant, id)
);

-- Payloads are sealed: compressing them costs time and saves nothing.
alter table events alter column payload set storage external;

create function refuse_change_of_events() returns trigger language plpgsql as $$
begin
  if current_setting('mobilesync.maintenance', true) = 'events' then
    return case tg_op when 'DELETE' then old else new end;
  end if;
  raise exception 'events are never changed: % refused', tg_op using errcode = 'MS003';
end $$;

create trigger events_are_immutable before update or delete on events
  for each row execute function refuse_change_of_events();
create trigger events_are_not_truncated before truncate on events
  for each statement execute function refuse_change_of_events();
