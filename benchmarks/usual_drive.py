"""The usual way to drive the simulator, to compare with: `python -m benchmarks.usual_drive`.

What the public `drive.py` scripts do, on today's libraries: python-socketio on eventlet, Pillow,
`model.predict` on a network of the published architecture, whose layer is evaluated as published. Two things
are mended, without which nothing would be measured: the simulator's missing CONNECT is supplied, and nothing
is sent on connect, which would add another telemetry chain.
"""

from __future__ import annotations

import base64
import io
from typing import Any

import eventlet
import eventlet.wsgi
import keras
import numpy as np
import socketio
from flask import Flask
from PIL import Image

from benchmarks.pairwise import PairwiseLAN


def network() -> keras.Model:
    """Return a network of the published architecture, untrained."""
    frames = keras.Input((66, 200, 3))
    x = keras.layers.Rescaling(1 / 127.5, offset=-1)(frames)
    for filters, kernel, stride in ((24, 5, 2), (36, 5, 2), (48, 5, 2), (64, 3, 1), (64, 3, 1)):
        x = keras.layers.Conv2D(filters, kernel, strides=stride, activation="elu")(x)
    x = keras.layers.Reshape((64, 18))(x)
    attended, _ = PairwiseLAN(100, 20)(x)
    x = keras.layers.Activation("elu")(attended[:, -1])
    return keras.Model(frames, keras.layers.Dense(1)(x))


def serve() -> None:
    """Serve on a free port, which is printed."""
    model = network()
    model.predict(np.zeros((1, 66, 200, 3), np.float32), verbose=0)
    sio = socketio.Server(async_mode="eventlet")
    _supply_the_connect(sio)

    @sio.on("telemetry")
    def on_telemetry(sid: str, data: dict[str, str]) -> None:
        image = Image.open(io.BytesIO(base64.b64decode(data["image"])))
        road = image.crop((0, 60, 320, 135)).resize((200, 66)).convert("YCbCr")
        steering = float(model.predict(np.asarray(road, np.float32)[None], verbose=0)[0, 0])
        throttle = (15.0 - float(data["speed"])) * 0.1
        sio.emit("steer", {"steering_angle": str(steering), "throttle": str(throttle)}, to=sid)

    app = socketio.WSGIApp(sio, Flask(__name__))
    listener = eventlet.listen(("127.0.0.1", 0))
    print(f"port={listener.getsockname()[1]}", flush=True)  # noqa: T201
    eventlet.wsgi.server(listener, app, log_output=False)


def _supply_the_connect(sio: Any) -> None:
    inner, greeted = sio.eio.handlers["message"], set()

    def on_message(eio_sid: str, data: Any) -> None:
        if eio_sid not in greeted:
            greeted.add(eio_sid)
            inner(eio_sid, "0")
        inner(eio_sid, data)

    sio.eio.on("message", on_message)


if __name__ == "__main__":
    serve()
