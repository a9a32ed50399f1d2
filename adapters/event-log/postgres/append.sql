-- Two functions, one promise. `append_events` takes the whole call at once and stores it when nothing is unusual;
-- otherwise it raises MS001 and nothing has happened. `append_events_one_by_one` then goes write by write, knows
-- repeats, and says what is wrong: MS001 with the write's index in DETAIL for a conflict, MS002 for ids that are
-- stored elsewhere or in part. Both lock the tenant's counter before anything else, so they cannot deadlock.
--
-- A call is: per write its stream, expected revision and number of events; per event its id, type, schema version,
-- time and payload size; all payloads in one value, each followed by its 32 bytes of hash.

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

-- Answers with the position before the first event; the events have the ones that follow, in order.
create or replace function append_events(
  p_tenant text, p_streams text[], p_expected bigint[], p_counts integer[],
  p_ids uuid[], p_types text[], p_versions integer[], p_times timestamptz[], p_sizes integer[], p_bytes bytea
) returns bigint language plpgsql as $$
declare
  v_before bigint := bump_tenant(p_tenant, cardinality(p_ids));
  v_stored integer;
  v_created integer := 0;
begin
  if cardinality(p_streams) = 1 then
    if p_expected[1] = -1 then
      insert into streams (tenant, stream, revision) values (p_tenant, p_streams[1], p_counts[1] - 1)
        on conflict do nothing;
    else
      update streams set revision = revision + p_counts[1]
        where tenant = p_tenant and stream = p_streams[1] and revision = p_expected[1];
    end if;
    if not found then
      raise exception 'not the expected revision' using errcode = 'MS001';
    end if;
    if cardinality(p_ids) = 1 then
      insert into events values (
        p_tenant, v_before + 1, p_streams[1], p_expected[1] + 1, p_ids[1], p_types[1], p_versions[1], p_times[1],
        substr(p_bytes, 1, p_sizes[1]), substr(p_bytes, p_sizes[1] + 1, 32));
      return v_before;
    end if;
  else
    if -1 = any (p_expected) then
      insert into streams (tenant, stream, revision)
        select p_tenant, w.stream, w.count - 1
          from unnest(p_streams, p_expected, p_counts) as w (stream, expected, count)
          where w.expected = -1
        on conflict do nothing;
      get diagnostics v_created = row_count;
    end if;
    update streams s set revision = s.revision + w.count
      from unnest(p_streams, p_expected, p_counts) as w (stream, expected, count)
      where w.expected >= 0 and s.tenant = p_tenant and s.stream = w.stream and s.revision = w.expected;
    get diagnostics v_stored = row_count;
    if v_created + v_stored <> cardinality(p_streams) then
      raise exception 'not the expected revision' using errcode = 'MS001';
    end if;
  end if;

  insert into events
    select p_tenant, v_before + e.place, w.stream, w.expected + e.place - w.before, e.id, e.type, e.version, e.at,
        substr(p_bytes, e.ends - e.size - 31, e.size), substr(p_bytes, e.ends - 31, 32)
      from (
        select u.*, (sum(u.size + 32) over (order by u.place))::integer as ends
          from unnest(p_ids, p_types, p_versions, p_times, p_sizes)
            with ordinality as u (id, type, version, at, size, place)
      ) e
      join (
        select u.stream, u.expected, sum(u.count) over (order by u.place) - u.count as before,
            sum(u.count) over (order by u.place) as last
          from unnest(p_streams, p_expected, p_counts) with ordinality as u (stream, expected, count, place)
      ) w on e.place > w.before and e.place <= w.last
      order by e.place;
  return v_before;
end $$;

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
        insert into events values (
          p_tenant, v_head, p_streams[i], last_revision, p_ids[k], p_types[k], p_versions[k], p_times[k],
          substr(p_bytes, v_offset, p_sizes[k]), substr(p_bytes, v_offset + p_sizes[k], 32));
      end if;
      v_offset := v_offset + p_sizes[k] + 32;
    end loop;
    v_first := v_last + 1;
    return next;
  end loop;
  update tenants set position = v_head where tenant = p_tenant;
end $$;
