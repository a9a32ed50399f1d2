-- Three functions, one promise: all or nothing, and positions in the order of commits.
-- `append_event` stores one event, `append_events` any number of writes of any tenants to different streams. They
-- raise MS001 where a stream is not at the expected revision, or fail on a known id, and nothing has happened then.
-- `append_events_one_by_one` goes write by write for one tenant, knows repeats, and says what is wrong: MS001 with
-- the write's index in DETAIL for a conflict, MS002 for ids that are stored elsewhere or in part.
-- All lock the tenants' counters first, in the order of their names, so they cannot deadlock.

-- Takes `p_count` places and answers with the position before them.
create or replace function bump_tenant(p_tenant text, p_count integer) returns bigint language plpgsql as $$
declare
  v_head bigint;
begin
  update tenants set position = position + p_count where tenant = p_tenant returning position into v_head;
  if v_head is null then
    insert into tenants (tenant, position) values (p_tenant, p_count)
      on conflict (tenant) do update set position = tenants.position + p_count
      returning position into v_head;
  end if;
  return v_head - p_count;
end $$;

create or replace function append_event(
  p_tenant text, p_stream text, p_expected bigint, p_id uuid, p_type text, p_version integer, p_time timestamptz,
  p_payload bytea, p_hash bytea
) returns bigint language plpgsql as $$
declare
  v_head bigint;
begin
  update tenants set position = position + 1 where tenant = p_tenant returning position into v_head;
  if v_head is null then
    v_head := bump_tenant(p_tenant, 1) + 1;
  end if;
  if p_expected = -1 then
    insert into streams (tenant, stream, revision) values (p_tenant, p_stream, 0) on conflict do nothing;
  else
    update streams set revision = revision + 1
      where tenant = p_tenant and stream = p_stream and revision = p_expected;
  end if;
  if not found then
    raise exception 'not the expected revision' using errcode = 'MS001';
  end if;
  insert into events (tenant, position, stream, revision, id, type, schema_version, recorded_at, payload, hash)
    values (p_tenant, v_head, p_stream, p_expected + 1, p_id, p_type, p_version, p_time, p_payload, p_hash);
  return v_head - 1;
end $$;

-- Per tenant (names in order): name, number of events. Per write: tenant, stream, expected revision, number of
-- events. Per event: index of its tenant from 1, place among its tenant's events from 1, stream, revision, id, type,
-- schema version, time, where its payload starts in `p_bytes` (from 1) and its size; the hash follows the payload.
-- Answers per tenant with the position before its first event.
create or replace function append_events(
  p_names text[], p_totals integer[],
  p_tenants text[], p_streams text[], p_expected bigint[], p_counts integer[],
  p_owners integer[], p_places integer[], p_event_streams text[], p_revisions bigint[],
  p_ids uuid[], p_types text[], p_versions integer[], p_times timestamptz[], p_starts integer[], p_sizes integer[],
  p_bytes bytea
) returns bigint[] language plpgsql as $$
declare
  v_before bigint[];
  v_created integer := 0;
  v_continued integer := 0;
begin
  for i in 1 .. cardinality(p_names) loop
    v_before[i] := bump_tenant(p_names[i], p_totals[i]);
  end loop;

  if -1 = any (p_expected) then
    insert into streams (tenant, stream, revision)
      select w.tenant, w.stream, w.count - 1
        from unnest(p_tenants, p_streams, p_expected, p_counts) as w (tenant, stream, expected, count)
        where w.expected = -1
      on conflict do nothing;
    get diagnostics v_created = row_count;
  end if;
  if v_created < cardinality(p_streams) then
    update streams s set revision = s.revision + w.count
      from unnest(p_tenants, p_streams, p_expected, p_counts) as w (tenant, stream, expected, count)
      where w.expected >= 0 and s.tenant = w.tenant and s.stream = w.stream and s.revision = w.expected;
    get diagnostics v_continued = row_count;
    if v_created + v_continued <> cardinality(p_streams) then
      raise exception 'not the expected revision' using errcode = 'MS001';
    end if;
  end if;

  insert into events (tenant, position, stream, revision, id, type, schema_version, recorded_at, payload, hash)
    select p_names[e.owner], v_before[e.owner] + e.place, e.stream, e.revision, e.id, e.type, e.version, e.at,
        substr(p_bytes, e.start, e.size), substr(p_bytes, e.start + e.size, 32)
      from unnest(p_owners, p_places, p_event_streams, p_revisions, p_ids, p_types, p_versions, p_times, p_starts,
        p_sizes) as e (owner, place, stream, revision, id, type, version, at, start, size);
  return v_before;
end $$;

-- Per write: stream, expected revision, number of events. Per event: id, type, schema version, time, payload size;
-- `p_bytes` holds each event's payload and hash, one after another. Answers per write.
create or replace function append_events_one_by_one(
  p_tenant text, p_streams text[], p_expected bigint[], p_counts integer[],
  p_ids uuid[], p_types text[], p_versions integer[], p_times timestamptz[], p_sizes integer[], p_bytes bytea
) returns table (last_revision bigint, last_position bigint, repeated boolean) language plpgsql as $$
declare
  v_head bigint := bump_tenant(p_tenant, 0);
  v_first integer := 1;
  v_last integer;
  v_offset integer := 1;
  v_found integer;
  v_in_stream integer;
begin
  for i in 1 .. cardinality(p_streams) loop
    v_last := v_first + p_counts[i] - 1;
    select count(*), count(*) filter (where e.stream = p_streams[i]), max(e.revision), max(e.position)
      into v_found, v_in_stream, last_revision, last_position
      from events e where e.tenant = p_tenant and e.id = any (p_ids[v_first : v_last]);
    repeated := v_found > 0;
    if repeated and (v_in_stream <> p_counts[i]) then
      raise exception 'some ids of write % are stored already, elsewhere or in part', i - 1 using errcode = 'MS002';
    end if;
    if not repeated then
      if p_expected[i] = -1 then
        insert into streams (tenant, stream, revision) values (p_tenant, p_streams[i], p_counts[i] - 1)
          on conflict do nothing;
      else
        update streams s set revision = s.revision + p_counts[i]
          where s.tenant = p_tenant and s.stream = p_streams[i] and s.revision = p_expected[i];
      end if;
      if not found then
        raise exception 'not the expected revision' using errcode = 'MS001', detail = (i - 1)::text;
      end if;
    end if;
    for k in v_first .. v_last loop
      if not repeated then
        v_head := v_head + 1;
        last_revision := p_expected[i] + 1 + k - v_first;
        last_position := v_head;
        insert into events (tenant, position, stream, revision, id, type, schema_version, recorded_at, payload, hash)
          values (p_tenant, v_head, p_streams[i], last_revision, p_ids[k], p_types[k], p_versions[k], p_times[k],
            substr(p_bytes, v_offset, p_sizes[k]), substr(p_bytes, v_offset + p_sizes[k], 32));
      end if;
      v_offset := v_offset + p_sizes[k] + 32;
    end loop;
    v_first := v_last + 1;
    return next;
  end loop;
  update tenants set position = v_head where tenant = p_tenant;
end $$;
