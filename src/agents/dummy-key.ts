/**
 * What an agent's program gets for a key, since it would not start without one. The gateway takes it out of each request and
 * puts the real one in, outside of the bottle.
 */
export const dummyKey = 'no-key-in-this-bottle';
