// What the SDK for Go says to each CloudEvent of a list: an empty text, or why it is none. JSON from stdin to stdout.
package main

import (
	"encoding/json"
	"log"
	"os"

	"github.com/cloudevents/sdk-go/v2/event"
)

func judge(written json.RawMessage) string {
	var read event.Event
	if err := json.Unmarshal(written, &read); err != nil {
		return err.Error()
	}
	if err := read.Validate(); err != nil {
		return err.Error()
	}
	return ""
}

func main() {
	var events []json.RawMessage
	if err := json.NewDecoder(os.Stdin).Decode(&events); err != nil {
		log.Fatal(err)
	}
	answers := make([]string, len(events))
	for number, written := range events {
		answers[number] = judge(written)
	}
	if err := json.NewEncoder(os.Stdout).Encode(answers); err != nil {
		log.Fatal(err)
	}
}
