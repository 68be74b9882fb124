#!/bin/sh
# One slot of two as a Docker Swarm service, for the commands of slots.json. SLOT, SLOT_PORT, RELEASE and IMAGE_BACKEND
# come from the host program. `slot.sh start|migrate`, `slot.sh stop|logs SLOT`.
set -eu
settings=/srv/erp/erp.env
service=erp-${2:-${SLOT:?}}
image=${IMAGE_BACKEND:-erp:${RELEASE:-unknown}}

exists() { docker service inspect "$service" >/dev/null 2>&1; }
# Only this node is asked: the service is bound to it, because nginx looks for the slot here.
runs() { [ -n "$(docker ps --quiet --filter "label=com.docker.swarm.service.name=$service")" ]; }

case $1 in
start)
    # Swarm's own net below ours: an update whose task dies within the monitor goes back to the image before.
    set -- --detach --no-resolve-image --with-registry-auth --replicas 1 \
        --update-order stop-first --update-failure-action rollback --update-monitor 20s \
        --stop-grace-period 35s --limit-cpu 1 --limit-memory 384M
    if exists; then
        docker service update "$@" --force --image "$image" --env-add "RELEASE=$RELEASE" --env-add "SLOT=$SLOT" "$service"
    else
        docker service create "$@" --name "$service" --init --constraint "node.id==$(docker info --format '{{.Swarm.NodeID}}')" \
            --publish "mode=host,published=${SLOT_PORT:?},target=8000" --read-only --mount type=tmpfs,target=/tmp \
            --cap-drop ALL --env-file "$settings" --env "RELEASE=$RELEASE" --env "SLOT=$SLOT" "$image"
    fi
    ;;
stop)
    # The service stays, without a task: its log can be read, and the next start is an update.
    if exists; then docker service scale --detach "$service=0"; fi
    for _ in $(seq 50); do
        runs || exit 0
        sleep 1
    done
    echo "$service still runs" >&2
    exit 1
    ;;
migrate)
    exec docker run --rm --pull never --env PGOPTIONS --env-file "$settings" "$image" alembic upgrade head
    ;;
logs)
    # Older tasks of the service wrote there too; {since} leaves them out.
    exec docker service logs --raw --since "${3:?}" "$service"
    ;;
*)
    echo "start, stop, migrate or logs" >&2
    exit 2
    ;;
esac
