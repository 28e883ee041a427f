"""Prints what TensorBoard's own reader finds in a folder, as JSON: {tag: [[step, value], ...]}, values of
the text plugin as strings."""
import json
import sys

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

reader = EventAccumulator(sys.argv[1], size_guidance={"scalars": 0, "tensors": 0})
reader.Reload()
found = {tag: [[event.step, event.value] for event in reader.Scalars(tag)] for tag in reader.Tags()["scalars"]}
for tag in reader.Tags()["tensors"]:
    assert reader.SummaryMetadata(tag).plugin_data.plugin_name == "text", tag
    found[tag] = [[event.step, event.tensor_proto.string_val[0].decode()] for event in reader.Tensors(tag)]
print(json.dumps(found))
