import { describe, inject } from 'vitest'

const { postgres, redis } = inject('services')

/** Whether this project's stores are there. In CI the run fails before it comes to this. */
export const storesAreThere = inject('stores') === 'embedded' || (postgres && redis)

/** A suite that drives a whole gateway, over the stores of the project that it runs in. */
export const describeGateway = describe.skipIf(!storesAreThere)
